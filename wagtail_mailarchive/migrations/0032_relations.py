import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import wagtail_mailarchive.models.relation


class Migration(migrations.Migration):
    dependencies = [
        ("wagtail_mailarchive", "0031_annotations_and_tags"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Relation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                (
                    "target",
                    wagtail_mailarchive.models.relation.TargetField(
                        max_length=80, verbose_name="related to"
                    ),
                ),
                ("target_title", models.CharField(blank=True, max_length=255)),
                (
                    "address",
                    models.CharField(blank=True, max_length=2000, verbose_name="web address"),
                ),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                ("author_name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="relations",
                        to="wagtail_mailarchive.emailmessagepage",
                        verbose_name="message",
                    ),
                ),
            ],
            options={
                "verbose_name": "relation of a message",
                "verbose_name_plural": "relations of messages",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["message", "id"], name="mailarchive_relations"),
                    models.Index(fields=["target", "-id"], name="mailarchive_related"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=~models.Q(target="web:"),
                        fields=("message", "kind", "target"),
                        name="mailarchive_relation_once",
                    )
                ],
            },
        ),
    ]
