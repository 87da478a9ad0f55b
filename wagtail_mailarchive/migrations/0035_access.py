from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0034_trash")]

    operations: list[migrations.operations.base.Operation] = []
