from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0030_comments")]

    operations: list[migrations.operations.base.Operation] = []
