"""The index of everything that can be asked for, in place of that of 0002.

SQLite: an FTS5 table without text of its own, kept by triggers, and an index that alone answers
what hits are counted by. PostgreSQL: a tsvector column made by a trigger, so that it can be made
again batch by batch and in another language.

What is a word of ours stands where no text comes: in FTS5 in columns apart, in a tsvector, which
has none, behind "in " with a space that no word of a text has.

Whoever alters MessageText in a later migration has to take the triggers and the index away before
and make them again behind, because Django copies a table of SQLite to alter it.
"""

import importlib

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from wagtail_mailarchive.archive.search.filling import fill
from wagtail_mailarchive.archive.search.schema import create, drop
from wagtail_mailarchive.conf import archive_settings

_BATCH = 500


def forget_before(apps, schema_editor):
    importlib.import_module("wagtail_mailarchive.migrations.0002_search_index").drop_index(
        apps, schema_editor
    )


def restore_before(apps, schema_editor):
    importlib.import_module("wagtail_mailarchive.migrations.0002_search_index").create_index(
        apps, schema_editor
    )
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(
            "INSERT INTO wagtail_mailarchive_search(wagtail_mailarchive_search) VALUES ('rebuild')"
        )


def index(apps, schema_editor):
    """Fill in what is new, and index it."""
    named = [
        apps.get_model("wagtail_mailarchive", name)
        for name in ("MessageText", "EmailMessagePage", "Attachment")
    ]
    language = archive_settings().SEARCH_LANGUAGE
    apps.get_model("wagtail_mailarchive", "SearchIndex").objects.create(pk=1, language=language)
    after = None
    while keys := fill(*named, after=after, most=_BATCH):
        after = keys[-1]
    create(schema_editor.connection, language)


def forget(apps, schema_editor):
    drop(schema_editor.connection)
    apps.get_model("wagtail_mailarchive", "SearchIndex").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0017_threads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(forget_before, restore_before),
        migrations.AddField(
            "messagetext",
            "folder",
            models.ForeignKey(
                "wagtail_mailarchive.emailfolderpage",
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                db_constraint=False,
                db_index=False,
                default=0,
            ),
            preserve_default=False,
        ),
        migrations.AddField("messagetext", "size", models.BigIntegerField(default=0)),
        migrations.AddField("messagetext", "has_attachment", models.BooleanField(default=False)),
        migrations.AddField("messagetext", "sender", models.CharField(blank=True, default="", max_length=320), preserve_default=False),
        migrations.AddField("messagetext", "list_id", models.CharField(blank=True, default="", max_length=255), preserve_default=False),
        migrations.AddField("messagetext", "files", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("messagetext", "marks", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("messagetext", "cjk", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddField("messagetext", "attached", models.TextField(blank=True, default=""), preserve_default=False),
        migrations.AddIndex(
            "messagetext", models.Index(fields=["folder", "-id"], name="mailarchive_text_newest")
        ),
        migrations.CreateModel(
            name="SearchIndex",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("language", models.CharField(default="simple", max_length=63)),
                ("building", models.CharField(blank=True, max_length=63)),
                ("position", models.BigIntegerField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "search index",
                "verbose_name_plural": "search index",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("query", models.CharField(max_length=500, verbose_name="search")),
                ("by_relevance", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "folder",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                        verbose_name="email folder",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved search",
                "verbose_name_plural": "saved searches",
                "default_permissions": (),
                "ordering": ["name", "pk"],
            },
        ),
        migrations.RunPython(index, forget),
    ]
