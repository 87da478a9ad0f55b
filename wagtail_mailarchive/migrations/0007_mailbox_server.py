from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0006_renewing_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="mailbox",
            name="server",
            field=models.CharField(blank=True, default="", max_length=520),
            preserve_default=False,
        ),
    ]
