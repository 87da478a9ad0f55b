import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0033_following"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "emailmessagepage",
            "trashed",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RemoveIndex("emailmessagepage", "mailarchive_newest_first"),
        migrations.RemoveIndex("emailmessagepage", "mailarchive_unlisted"),
        migrations.AddIndex(
            "emailmessagepage",
            models.Index(
                fields=["folder", "-sorted_at", "-page_ptr"],
                name="mailarchive_newest_first",
                condition=models.Q(trashed=False),
            ),
        ),
        migrations.AddIndex(
            "emailmessagepage",
            models.Index(
                fields=["folder"],
                name="mailarchive_unlisted",
                condition=models.Q(listed=False, trashed=False),
            ),
        ),
        migrations.CreateModel(
            name="TrashEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trash_entry",
                        to="wagtail_mailarchive.emailmessagepage",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("trashed_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("was_live", models.BooleanField(default=True)),
                ("text", models.JSONField(default=dict)),
                ("to_erase", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "message in the trash",
                "verbose_name_plural": "messages in the trash",
                "default_permissions": (),
                "permissions": [("trash_mail", "Can move mail to the trash and restore it")],
                "indexes": [
                    models.Index(fields=["folder", "-id"], name="mailarchive_trash_newest"),
                    models.Index(fields=["folder", "trashed_at"], name="mailarchive_trash_age"),
                    models.Index(
                        fields=["folder", "id"],
                        name="mailarchive_trash_to_erase",
                        condition=models.Q(to_erase=True),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TrashedFolder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "folder",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trashed",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("trashed_at", models.DateTimeField(auto_now_add=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("was_live", models.BooleanField(default=True)),
                ("to_erase", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "email folder in the trash",
                "verbose_name_plural": "email folders in the trash",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Tombstone",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("erased_at", models.DateTimeField()),
                ("comments", models.JSONField(default=list)),
                ("bytes_kept", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "tombstone",
                "verbose_name_plural": "tombstones",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sha256", "folder"), name="mailarchive_tombstone"
                    )
                ],
            },
        ),
        migrations.AddField(
            "upkeeprun", "reason", models.CharField(blank=True, db_default="", max_length=500)
        ),
        migrations.AddField("upkeeprun", "until", models.BigIntegerField(null=True)),
        migrations.AlterField(
            "upkeeprun",
            "kind",
            models.CharField(
                choices=[
                    ("verify", "check of all mail"),
                    ("sample", "check of a sample"),
                    ("reprocess", "reading again"),
                    ("retry", "reading quarantined mail again"),
                    ("contents", "reading attachments"),
                    ("dkim", "check of DKIM signatures"),
                    ("cluster", "update of the search cluster"),
                    ("trash", "moving all mail to the trash"),
                    ("restore", "restoring all mail from the trash"),
                    ("erase", "erasing mail"),
                    ("empty", "emptying the trash by time"),
                ],
                max_length=10,
            ),
        ),
    ]
