from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0009_why_not_treated"),
    ]

    operations = [
        migrations.AddField(
            model_name="archivesitesettings",
            name="allow_server_deletion",
            field=models.BooleanField(
                blank=True, null=True, verbose_name="Allow deleting archived mail on servers"
            ),
        ),
    ]
