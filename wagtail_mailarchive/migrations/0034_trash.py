from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0033_following")]

    operations: list[migrations.operations.base.Operation] = []
