from datetime import UTC, datetime
from itertools import groupby

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Lower

from wagtail_mailarchive.mime.kinds import is_inline, kind_of

TOGETHER = 2000
KINDS = [
    ("image", "Images"),
    ("pdf", "PDF"),
    ("document", "Documents"),
    ("sheet", "Spreadsheets"),
    ("slides", "Presentations"),
    ("archive", "Archives"),
    ("audio", "Audio"),
    ("video", "Video"),
    ("message", "Messages"),
    ("calendar", "Invitations"),
    ("other", "Other files"),
]
STATES = [
    ("waiting", "not read yet"),
    ("read", "read"),
    ("unsupported", "of a kind that is not read"),
    ("lacking", "needs an extra that is not installed"),
    ("encrypted", "encrypted"),
    ("too_large", "too large"),
    ("too_slow", "took too long"),
    ("failed", "could not be read"),
    ("missing", "its original could not be read"),
]
UPKEEP = [
    ("verify", "check of all mail"),
    ("sample", "check of a sample"),
    ("reprocess", "reading again"),
    ("retry", "reading quarantined mail again"),
    ("contents", "reading attachments"),
]


def fill(apps, schema_editor):
    """Say of each attachment what its message says, and have its content read."""
    Attachment = apps.get_model("wagtail_mailarchive", "Attachment")
    EmailMessagePage = apps.get_model("wagtail_mailarchive", "EmailMessagePage")
    AttachmentContent = apps.get_model("wagtail_mailarchive", "AttachmentContent")
    message = EmailMessagePage.objects.filter(pk=OuterRef("message_id"))
    Attachment.objects.update(
        folder=Subquery(message.values("folder_id")),
        sorted_at=Subquery(message.values("sorted_at")),
        sender_address=Lower(Subquery(message.values("sender_address"))),
    )
    after = 0
    while True:
        rows = list(
            Attachment.objects.filter(pk__gt=after)
            .order_by("pk")
            .values_list("pk", "content_type", "filename", "content_id", "disposition", "sha256")[
                :TOGETHER
            ]
        )
        if not rows:
            return
        after = rows[-1][0]
        kinds = [(kind_of(row[1], row[2]), row) for row in rows]
        told = sorted((kind, is_inline(kind, row[3], row[4]), row[0]) for kind, row in kinds)
        for (kind, inline), group in groupby(told, key=lambda each: each[:2]):
            keys = [each[2] for each in group]
            Attachment.objects.filter(pk__in=keys).update(kind=kind, is_inline=inline)
        AttachmentContent.objects.bulk_create(
            [AttachmentContent(sha256=each) for each in sorted({row[5] for row in rows})],
            ignore_conflicts=True,
        )


def forget(apps, schema_editor):
    apps.get_model("wagtail_mailarchive", "UpkeepRun").objects.filter(kind="contents").delete()


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0018_searching")]

    operations = [
        migrations.CreateModel(
            name="AttachmentContent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                ("state", models.CharField(choices=STATES, default="waiting", max_length=12)),
                ("text", models.TextField(blank=True)),
                ("picture", models.BinaryField(blank=True, default=b"")),
                ("width", models.PositiveSmallIntegerField(default=0)),
                ("height", models.PositiveSmallIntegerField(default=0)),
                ("read_by", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name": "content of attachments",
                "verbose_name_plural": "contents of attachments",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=["sha256"], name="mailarchive_content")
                ],
                "indexes": [models.Index(fields=["state", "id"], name="mailarchive_content_state")],
            },
        ),
        migrations.AddField(
            model_name="attachment",
            name="kind",
            field=models.CharField(choices=KINDS, default="other", max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attachment",
            name="is_inline",
            field=models.BooleanField(default=False),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attachment",
            name="folder",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                default=0,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="wagtail_mailarchive.emailfolderpage",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attachment",
            name="sorted_at",
            field=models.DateTimeField(default=datetime(1970, 1, 1, tzinfo=UTC)),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attachment",
            name="sender_address",
            field=models.CharField(blank=True, max_length=320),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(
                fields=["folder", "-sorted_at", "-id"],
                name="mailarchive_attached",
                condition=models.Q(is_inline=False),
            ),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(
                fields=["folder", "kind", "-sorted_at", "-id"],
                name="mailarchive_attached_kind",
                condition=models.Q(is_inline=False),
            ),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(
                fields=["folder", "sender_address", "-sorted_at", "-id"],
                name="mailarchive_attached_by",
                condition=models.Q(is_inline=False),
            ),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(
                fields=["folder", "-sorted_at", "-id"],
                name="mailarchive_inline",
                condition=models.Q(is_inline=True),
            ),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(fields=["sha256"], name="mailarchive_attached_content"),
        ),
        migrations.AlterField(
            model_name="upkeeprun",
            name="kind",
            field=models.CharField(choices=UPKEEP, max_length=10),
        ),
        # Last: PostgreSQL alters no table in the transaction that changed its rows.
        migrations.RunPython(fill, forget, elidable=True),
    ]
