"""Mailboxes that are left out, and messages that the server did not hand over."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0012_chain_of_earlier_mail"),
    ]

    operations = [
        migrations.AddField(
            model_name="fetchrun",
            name="not_read",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="problem_code",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="problem_params",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
