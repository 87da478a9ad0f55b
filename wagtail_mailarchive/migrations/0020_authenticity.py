import django.db.models.deletion
from django.db import migrations, models

UPKEEP = [
    ("verify", "check of all mail"),
    ("sample", "check of a sample"),
    ("reprocess", "reading again"),
    ("retry", "reading quarantined mail again"),
    ("contents", "reading attachments"),
    ("dkim", "check of DKIM signatures"),
]
VERDICTS = [
    ("pass", "valid"),
    ("partial", "valid for the beginning of the message only"),
    ("fail", "not valid"),
    ("expired", "had expired"),
    ("no_key", "cannot be checked, because its key is not published"),
    ("unreadable", "cannot be checked, because it is not written as it should be"),
    ("no_answer", "could not be checked, because no name server answered"),
    ("unchecked", "was not checked, because that would take too much"),
]


def forget(apps, schema_editor):
    apps.get_model("wagtail_mailarchive", "UpkeepRun").objects.filter(kind="dkim").delete()


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0019_contents_of_attachments")]

    operations = [
        migrations.AddField(
            model_name="emailmessagepage",
            name="details",
            field=models.JSONField(default=dict, editable=False),
        ),
        migrations.CreateModel(
            name="DkimSignature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("domain", models.CharField(blank=True, max_length=255)),
                ("selector", models.CharField(blank=True, max_length=255)),
                ("verdict", models.CharField(choices=VERDICTS, max_length=10)),
                ("key", models.TextField(blank=True)),
                ("checked_at", models.DateTimeField()),
                (
                    "original",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dkim_signatures",
                        to="wagtail_mailarchive.original",
                    ),
                ),
            ],
            options={
                "verbose_name": "DKIM signature",
                "verbose_name_plural": "DKIM signatures",
                "ordering": ["position"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=["original", "position"], name="mailarchive_dkim"
                    )
                ],
            },
        ),
        migrations.AlterField(
            model_name="upkeeprun",
            name="kind",
            field=models.CharField(choices=UPKEEP, max_length=10),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget),
    ]
