"""Threads. Messages archived before get theirs when they are read again (`mailarchive_reprocess`).

MessageReference goes: what it held is in each message, and nobody read it. Taking this migration
back makes its table anew and empty, and reading again fills it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

EDITABLE = {"editable": False, "null": True}


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0016_chain_without_second_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Thread",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("is_divided", models.BooleanField(default=False)),
                ("subject", models.CharField(blank=True, max_length=255)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("message_count", models.PositiveIntegerField(default=0)),
                ("snippet", models.CharField(blank=True, max_length=200)),
                ("participants", models.JSONField(default=list)),
                ("has_more_participants", models.BooleanField(default=False)),
                ("has_attachments", models.BooleanField(default=False)),
                ("decided_by", models.PositiveSmallIntegerField(default=0)),
                (
                    "folder",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="threads",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                (
                    "part_of",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="wagtail_mailarchive.thread",
                    ),
                ),
            ],
            options={
                "verbose_name": "thread",
                "verbose_name_plural": "threads",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ThreadKey",
            fields=[
                ("digest", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "thread",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="wagtail_mailarchive.thread",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="ThreadDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("merge", "merge"), ("split", "split")], max_length=5
                    ),
                ),
                ("made_at", models.DateTimeField(auto_now_add=True)),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailmessagepage",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailmessagepage",
                    ),
                ),
                (
                    "undone_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            ],
            options={"ordering": ["-pk"], "default_permissions": ()},
        ),
        migrations.AddField(
            model_name="emailmessagepage",
            name="reply_to_digest",
            field=models.BigIntegerField(**EDITABLE),
        ),
        migrations.AddField(
            model_name="emailmessagepage",
            name="source_thread",
            field=models.BigIntegerField(**EDITABLE),
        ),
        migrations.AddField(
            model_name="emailmessagepage",
            name="thread",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="messages",
                to="wagtail_mailarchive.thread",
                **EDITABLE,
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessagepage",
            index=models.Index(
                condition=models.Q(("reply_to_digest__isnull", False)),
                fields=["reply_to_digest"],
                name="mailarchive_reply_to",
            ),
        ),
        migrations.AddIndex(
            model_name="emailmessagepage",
            index=models.Index(
                fields=["thread", "sorted_at", "page_ptr"], name="mailarchive_thread"
            ),
        ),
        migrations.AddIndex(
            model_name="thread",
            index=models.Index(
                fields=["folder", "-last_at", "-id"], name="mailarchive_latest_threads"
            ),
        ),
        migrations.AddIndex(
            model_name="thread",
            index=models.Index(
                condition=models.Q(("part_of__isnull", False)),
                fields=["part_of"],
                name="mailarchive_thread_parts",
            ),
        ),
        migrations.DeleteModel(name="MessageReference"),
    ]
