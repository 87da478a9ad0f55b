"""What an upkeep run that moves pages is to move, and where to."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0003_shown_comments_and_threads_of_envelopes")]

    operations = [
        migrations.AddField(
            model_name="upkeeprun",
            name="plan",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="upkeeprun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("verify", "check of all mail"),
                    ("sample", "check of a sample"),
                    ("reprocess", "reading again"),
                    ("retry", "reading quarantined mail again"),
                    ("contents", "reading attachments"),
                    ("dkim", "check of DKIM signatures"),
                    ("cluster", "update of the search cluster"),
                    ("trash", "moving all mail to the trash"),
                    ("restore", "restoring all mail from the trash"),
                    ("erase", "erasing mail"),
                    ("empty", "emptying the trash by time"),
                    ("move", "moving pages with their mail"),
                    ("readdress", "bringing mail to its new address"),
                ],
                max_length=10,
            ),
        ),
    ]
