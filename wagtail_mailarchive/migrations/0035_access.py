from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0034_trash")]

    operations = [
        migrations.AlterField(
            model_name="archivesitesettings",
            name="new_folder_privacy",
            field=models.CharField(
                blank=True,
                choices=[
                    ("editors", "administrators and the groups that can edit or publish it"),
                    ("login", "everyone who is signed in"),
                    ("groups", "nobody but administrators, until groups are chosen"),
                    ("public", "everybody"),
                ],
                max_length=10,
                verbose_name="Who can read a new folder",
            ),
        ),
    ]
