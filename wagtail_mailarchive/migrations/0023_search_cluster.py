"""What notes changes of messages for an Elasticsearch or OpenSearch; nothing where there is none."""

from django.db import migrations, models

from wagtail_mailarchive.archive.search.cluster.schema import create, drop

UPKEEP = [
    ("verify", "check of all mail"),
    ("sample", "check of a sample"),
    ("reprocess", "reading again"),
    ("retry", "reading quarantined mail again"),
    ("contents", "reading attachments"),
    ("dkim", "check of DKIM signatures"),
    ("cluster", "update of the search cluster"),
]


def note(apps, schema_editor):
    create(schema_editor.connection)


def forget(apps, schema_editor):
    drop(schema_editor.connection)
    apps.get_model("wagtail_mailarchive", "UpkeepRun").objects.filter(kind="cluster").delete()


def key():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0022_folder_views")]

    operations = [
        migrations.CreateModel(
            name="SearchCluster",
            fields=[
                ("id", key()),
                ("alias", models.CharField(max_length=100)),
                ("is_ready", models.BooleanField(default=False)),
                ("building", models.CharField(blank=True, max_length=255)),
                ("position", models.BigIntegerField(null=True)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "search cluster",
                "verbose_name_plural": "search clusters",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SearchChange",
            fields=[("id", key()), ("text_id", models.BigIntegerField())],
            options={
                "verbose_name": "change for the search cluster",
                "verbose_name_plural": "changes for the search cluster",
                "default_permissions": (),
            },
        ),
        migrations.AlterField(
            model_name="upkeeprun",
            name="kind",
            field=models.CharField(choices=UPKEEP, max_length=10),
        ),
        migrations.RunPython(note, forget),
    ]
