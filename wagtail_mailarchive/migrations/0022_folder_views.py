"""What a folder's messages are narrowed down by. What is archived already is counted here."""

import django.db.models.deletion
from django.db import migrations, models

KINDS = [
    ("sender", "Sender"),
    ("list", "List"),
    ("attachment", "Attachment"),
    ("account", "Account"),
]
COUNT = "INSERT INTO wagtail_mailarchive_facetcount (folder_id, kind, value, messages, newest)"
TEXTS = "FROM wagtail_mailarchive_messagetext"
CAME = "FROM wagtail_mailarchive_accountmessage GROUP BY folder_id, account_id"
FILL = [
    f"{COUNT} SELECT folder_id, 'sender', sender, COUNT(*), MAX(id) {TEXTS} GROUP BY 1, 3",
    f"{COUNT} SELECT folder_id, 'list', list_id, COUNT(*), MAX(id) {TEXTS} "
    "WHERE list_id <> '' GROUP BY 1, 3",
    f"{COUNT} SELECT folder_id, 'attachment', '', COUNT(*), MAX(id) {TEXTS} "
    "WHERE has_attachment GROUP BY 1",
    "INSERT INTO wagtail_mailarchive_accountmessage (folder_id, account_id, text_id) "
    "SELECT DISTINCT text.folder_id, mailbox.account_id, text.id "
    "FROM wagtail_mailarchive_ledgerentry entry "
    "JOIN wagtail_mailarchive_mailbox mailbox ON mailbox.id = entry.mailbox_id "
    "JOIN wagtail_mailarchive_messagetext text ON text.message_id = entry.message_id "
    "WHERE mailbox.account_id IS NOT NULL",
    f"{COUNT} SELECT folder_id, 'account', CAST(account_id AS VARCHAR(20)), COUNT(*), 0 {CAME}",
]
UNGUARDED = {
    "db_constraint": False,
    "db_index": False,
    "on_delete": django.db.models.deletion.DO_NOTHING,
    "related_name": "+",
}


def key():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0021_readers")]

    operations = [
        migrations.CreateModel(
            name="FacetCount",
            fields=[
                ("id", key()),
                ("kind", models.CharField(choices=KINDS, max_length=10)),
                ("value", models.CharField(blank=True, max_length=320)),
                ("messages", models.BigIntegerField(default=0)),
                ("newest", models.BigIntegerField(default=0)),
                (
                    "folder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        fields=["folder", "kind", "-newest"], name="mailarchive_facet_newest"
                    ),
                    models.Index(
                        fields=["folder", "kind", "-messages"], name="mailarchive_facet_most"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("folder", "kind", "value"), name="mailarchive_facet"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountMessage",
            fields=[
                ("id", key()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.mailaccount",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(to="wagtail_mailarchive.emailfolderpage", **UNGUARDED),
                ),
                ("text", models.ForeignKey(to="wagtail_mailarchive.messagetext", **UNGUARDED)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("folder", "account", "text"), name="mailarchive_by_account"
                    )
                ],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop, elidable=True),
        migrations.AddIndex(
            model_name="messagetext",
            index=models.Index(
                fields=["folder", "sender", "-id"], name="mailarchive_text_of_sender"
            ),
        ),
        migrations.AddIndex(
            model_name="messagetext",
            index=models.Index(
                fields=["folder", "list_id", "-id"], name="mailarchive_text_of_list"
            ),
        ),
        migrations.AddIndex(
            model_name="messagetext",
            index=models.Index(
                fields=["folder", "-id"],
                name="mailarchive_text_attached",
                condition=models.Q(has_attachment=True),
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessagepage",
            index=models.Index(
                fields=["folder"],
                name="mailarchive_unthreaded",
                condition=models.Q(thread__isnull=True),
            ),
        ),
    ]
