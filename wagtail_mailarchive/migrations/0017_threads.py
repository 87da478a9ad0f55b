from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0016_chain_without_second_index")]

    operations = []
