"""Notes about passages of messages, and tags on messages."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import wagtail_mailarchive.models.annotation


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0030_comments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="facetcount",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sender", "Sender"),
                    ("list", "List"),
                    ("attachment", "Attachment"),
                    ("account", "Account"),
                    ("tag", "Tag"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Annotation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("original_sha256", models.CharField(max_length=64)),
                ("author_name", models.CharField(max_length=100, verbose_name="name")),
                ("is_private", models.BooleanField(default=False, verbose_name="only for me")),
                ("exact", models.TextField(blank=True)),
                ("prefix", models.CharField(blank=True, max_length=32)),
                ("suffix", models.CharField(blank=True, max_length=32)),
                ("start", models.PositiveIntegerField(default=0)),
                ("end", models.PositiveIntegerField(default=0)),
                ("note", models.TextField(max_length=4000, verbose_name="note")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("edited_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=wagtail_mailarchive.models.annotation.keep_what_was_shared,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="annotations",
                        to="wagtail_mailarchive.emailmessagepage",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="wagtail_mailarchive.annotation",
                    ),
                ),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["message", "start"], name="mailarchive_notes"),
                    models.Index(
                        condition=models.Q(("parent", None)),
                        fields=["folder", "-id"],
                        name="mailarchive_folder_notes",
                    ),
                    models.Index(fields=["author", "created_at"], name="mailarchive_notes_by"),
                ],
            },
        ),
        migrations.CreateModel(
            name="MailTag",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(max_length=100, unique=True, verbose_name="name"),
                ),
                (
                    "slug",
                    models.SlugField(
                        allow_unicode=True, max_length=100, unique=True, verbose_name="slug"
                    ),
                ),
                ("key", models.CharField(max_length=200, unique=True)),
                ("mark", models.CharField(max_length=20, unique=True)),
            ],
            options={
                "verbose_name": "tag of mail",
                "verbose_name_plural": "tags of mail",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TaggedMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tagged_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "content_object",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tagged_items",
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
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tagged",
                        to="wagtail_mailarchive.mailtag",
                        verbose_name="tag",
                    ),
                ),
                (
                    "tagged_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "tagged message",
                "verbose_name_plural": "tagged messages",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("content_object", "tag"), name="mailarchive_tag_once"
                    )
                ],
                "indexes": [
                    models.Index(
                        fields=["folder", "tag", "content_object"], name="mailarchive_tags"
                    )
                ],
            },
        ),
    ]
