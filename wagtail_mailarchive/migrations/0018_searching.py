from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0017_threads")]

    operations = []
