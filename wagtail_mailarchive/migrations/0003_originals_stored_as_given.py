"""PostgreSQL keeps the originals' bytes as they are given.

What shrinks is deflated before it comes here. By default PostgreSQL tries to compress it again,
gains nothing, and needs three times as long to store it.
"""

from django.db import migrations


def _set_storage(schema_editor, storage):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"ALTER TABLE wagtail_mailarchive_originalchunk ALTER COLUMN data SET STORAGE {storage}"
        )


def keep_as_given(apps, schema_editor):
    _set_storage(schema_editor, "EXTERNAL")


def compress(apps, schema_editor):
    _set_storage(schema_editor, "EXTENDED")


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0002_search_index")]

    operations = [migrations.RunPython(keep_as_given, compress)]
