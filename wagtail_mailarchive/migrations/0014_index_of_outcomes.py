from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0013_what_could_not_be_read")]

    operations = [
        migrations.RemoveIndex(model_name="ledgerentry", name="mailarchive_entry_undone"),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                fields=["mailbox", "outcome", "presence"], name="mailarchive_entry_outcome"
            ),
        ),
    ]
