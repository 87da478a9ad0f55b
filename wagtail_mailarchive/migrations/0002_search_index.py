"""The full-text index, and what notes changes for a search cluster: SQL that models have no word for.

Whoever alters MessageText in a later migration has to take both away before and make them again
behind, because Django copies a table of SQLite to alter it.
"""

from django.db import migrations

from wagtail_mailarchive.archive.search import schema
from wagtail_mailarchive.archive.search.cluster import schema as cluster_schema
from wagtail_mailarchive.conf import archive_settings


def create(apps, schema_editor):
    """Index the texts there are, none in a new database."""
    language = archive_settings().SEARCH_LANGUAGE
    apps.get_model("wagtail_mailarchive", "SearchIndex").objects.create(pk=1, language=language)
    schema.create(schema_editor.connection, language)
    cluster_schema.create(schema_editor.connection)


def drop(apps, schema_editor):
    cluster_schema.drop(schema_editor.connection)
    schema.drop(schema_editor.connection)
    apps.get_model("wagtail_mailarchive", "SearchIndex").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
