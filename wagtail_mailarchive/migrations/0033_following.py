from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0032_relations")]

    operations: list[migrations.operations.base.Operation] = []
