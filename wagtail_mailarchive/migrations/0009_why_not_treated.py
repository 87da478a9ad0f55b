from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0008_proving_and_removing"),
    ]

    operations = [
        migrations.AddField(
            model_name="accounthealth",
            name="treatment_code",
            field=models.CharField(blank=True, default="", max_length=60),
        ),
        migrations.AddField(
            model_name="accounthealth",
            name="treatment_params",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
