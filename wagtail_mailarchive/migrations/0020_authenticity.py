from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0019_contents_of_attachments")]

    operations = []
