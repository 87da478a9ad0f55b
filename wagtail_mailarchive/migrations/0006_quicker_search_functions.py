"""PostgreSQL's functions of search, quicker: one makes vectors, another hands over what is counted.

Vectors stay as they are, and SQLite has no such functions.
"""

from django.db import migrations

from wagtail_mailarchive.archive.search import schema


def renew(apps, schema_editor):
    schema.renew_functions(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0005_lists_along_indexes")]

    # Nothing to undo: 0002 makes the same functions.
    operations = [migrations.RunPython(renew, migrations.RunPython.noop)]
