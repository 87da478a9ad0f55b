from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0023_search_cluster")]

    operations: list[migrations.operations.base.Operation] = []
