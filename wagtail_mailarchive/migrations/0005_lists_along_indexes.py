"""Indexes along which lists are walked without reading texts; search vectors stored as they are.

PostgreSQL's compression makes these vectors a sixth smaller, and takes as long as making them; a
search for a phrase or by relevance reads thousands. What is compressed stays so until it is indexed
again (`mailarchive_index`).
"""

from django.conf import settings
from django.db import migrations, models

from wagtail_mailarchive.archive.search import schema


def store_plainly(apps, schema_editor):
    schema.store_vectors(schema_editor.connection, compressed=False)


def store_compressed(apps, schema_editor):
    schema.store_vectors(schema_editor.connection, compressed=True)


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0004_plan_of_moving"),
        migrations.swappable_dependency(settings.WAGTAIL_PAGE_MODEL),
    ]

    operations = [
        migrations.RemoveIndex("emailmessagepage", name="mailarchive_thread"),
        migrations.RemoveIndex("messagetext", name="mailarchive_text_newest"),
        migrations.RemoveIndex("messagetext", name="mailarchive_text_of_sender"),
        migrations.RemoveIndex("messagetext", name="mailarchive_text_of_list"),
        migrations.RemoveIndex("messagetext", name="mailarchive_text_attached"),
        migrations.AddIndex(
            "emailmessagepage",
            models.Index(
                fields=["thread", "sorted_at", "page_ptr", "listed"], name="mailarchive_thread"
            ),
        ),
        migrations.AddIndex(
            "messagetext",
            models.Index(fields=["folder", "-id", "message"], name="mailarchive_text_newest"),
        ),
        migrations.AddIndex(
            "messagetext",
            models.Index(
                fields=["folder", "sender", "-id", "message"], name="mailarchive_text_of_sender"
            ),
        ),
        migrations.AddIndex(
            "messagetext",
            models.Index(
                fields=["folder", "list_id", "-id", "message"], name="mailarchive_text_of_list"
            ),
        ),
        migrations.AddIndex(
            "messagetext",
            models.Index(
                fields=["folder", "-id", "message"],
                name="mailarchive_text_attached",
                condition=models.Q(has_attachment=True),
            ),
        ),
        migrations.RunPython(store_plainly, store_compressed),
    ]
