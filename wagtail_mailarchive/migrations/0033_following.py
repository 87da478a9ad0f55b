"""What readers follow by mail, and the log of the mails."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Coalesce

import wagtail_mailarchive.models.follow


def _key() -> models.BigAutoField:
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def _foreign(to: str, *, null: bool = True, related_name: str = "+") -> models.ForeignKey:
    return models.ForeignKey(
        null=null, on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to=to
    )


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("wagtail_mailarchive", "0032_relations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Follow",
            fields=[
                ("id", _key()),
                ("mail", models.BooleanField(default=True, verbose_name="new mail")),
                ("comments", models.BooleanField(default=False, verbose_name="comments")),
                (
                    "pace",
                    models.CharField(
                        choices=[
                            ("now", "at once"),
                            ("day", "once a day"),
                            ("week", "once a week"),
                        ],
                        default="now",
                        max_length=4,
                        verbose_name="How often",
                    ),
                ),
                (
                    "token",
                    models.CharField(
                        default=wagtail_mailarchive.models.follow.new_token,
                        max_length=16,
                        unique=True,
                    ),
                ),
                ("seen", models.JSONField(default=dict)),
                ("comments_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("number", models.PositiveIntegerField(default=1)),
                ("due_at", models.DateTimeField(db_index=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("folder", _foreign("wagtail_mailarchive.emailfolderpage")),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=wagtail_mailarchive.models.follow.to_another_of_the_thread,
                        related_name="+",
                        to="wagtail_mailarchive.emailmessagepage",
                    ),
                ),
                ("reader", _foreign(settings.AUTH_USER_MODEL, null=False)),
                ("search", _foreign("wagtail_mailarchive.savedsearch")),
            ],
            options={
                "verbose_name": "follow",
                "verbose_name_plural": "follows",
                "ordering": ["-pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", _key()),
                ("number", models.PositiveIntegerField()),
                ("arrivals", models.JSONField(default=dict)),
                ("comments_after", models.DateTimeField(null=True)),
                ("comments_until", models.DateTimeField(null=True)),
                ("made_at", models.DateTimeField(db_index=True)),
                ("try_at", models.DateTimeField(db_index=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("begun_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("messages", models.PositiveIntegerField(default=0)),
                ("comments", models.PositiveIntegerField(default=0)),
                (
                    "follow",
                    _foreign("wagtail_mailarchive.follow", null=False, related_name="deliveries"),
                ),
            ],
            options={
                "verbose_name": "mail to a follower",
                "verbose_name_plural": "mails to followers",
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="follow",
            constraint=models.UniqueConstraint(
                condition=models.Q(message=None, search=None),
                fields=["reader", "folder"],
                name="mailarchive_follow_folder",
            ),
        ),
        migrations.AddConstraint(
            model_name="follow",
            constraint=models.UniqueConstraint(
                condition=models.Q(message__isnull=False),
                fields=["reader", "message"],
                name="mailarchive_follow_thread",
            ),
        ),
        migrations.AddConstraint(
            model_name="follow",
            constraint=models.UniqueConstraint(
                condition=models.Q(search__isnull=False),
                fields=["reader", "search"],
                name="mailarchive_follow_search",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=["follow", "number"], name="mailarchive_delivered_once"
            ),
        ),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                Coalesce("decided_at", "created_at"),
                condition=models.Q(state="shown"),
                name="mailarchive_comments_shown",
            ),
        ),
    ]
