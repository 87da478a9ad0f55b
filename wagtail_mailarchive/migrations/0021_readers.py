from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0020_authenticity")]

    operations = []
