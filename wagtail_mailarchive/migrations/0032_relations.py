from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0031_annotations_and_tags")]

    operations: list[migrations.operations.base.Operation] = []
