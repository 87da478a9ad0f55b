import django.db.models.deletion
import django.utils.timezone
import modelcluster.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("wagtail_mailarchive", "0002_search_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="emailfolderpage",
            name="comment_moderation",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "As the site’s settings say"),
                    ("open", "None: comments show at once"),
                    ("first", "A person’s first one, and those of guests"),
                    ("held", "All"),
                    ("closed", "Nobody can comment"),
                ],
                max_length=6,
                verbose_name="Comments that wait for a moderator",
            ),
        ),
        migrations.AddField(
            model_name="emailfolderpage",
            name="commenter_groups",
            field=modelcluster.fields.ParentalManyToManyField(
                blank=True,
                related_name="+",
                to="auth.group",
                verbose_name="Groups that can comment",
            ),
        ),
        migrations.AddField(
            model_name="emailfolderpage",
            name="commenters",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "As the site’s settings say"),
                    ("anyone", "Everyone who can read the message, guests too"),
                    ("login", "Everyone who is signed in"),
                    ("groups", "Members of the groups below"),
                ],
                help_text="Only those who can read a message can comment on it.",
                max_length=6,
                verbose_name="Who can comment",
            ),
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("author_name", models.CharField(max_length=100, verbose_name="name")),
                ("is_guest", models.BooleanField(default=False)),
                ("sent_from", models.CharField(blank=True, max_length=32)),
                ("text", models.TextField(max_length=5000, verbose_name="text")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("shown", "shown"),
                            ("held", "held"),
                            ("rejected", "rejected"),
                            ("deleted", "deleted"),
                        ],
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("edited_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reader_comments",
                        to="wagtail_mailarchive.emailmessagepage",
                        verbose_name="message",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="wagtail_mailarchive.comment",
                    ),
                ),
            ],
            options={
                "verbose_name": "comment",
                "verbose_name_plural": "comments",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["message", "state"], name="mailarchive_comments"),
                    models.Index(fields=["author", "created_at"], name="mailarchive_comments_by"),
                    models.Index(fields=["state", "-id"], name="mailarchive_comment_queue"),
                    models.Index(
                        condition=models.Q(("is_guest", True)),
                        fields=["created_at"],
                        name="mailarchive_guest_comments",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CommentNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("try_at", models.DateTimeField(db_index=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "comment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mentions",
                        to="wagtail_mailarchive.comment",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="wagtail_mailarchive.emailfolderpage",
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("comment__isnull", False)),
                        fields=("comment", "recipient"),
                        name="mailarchive_one_mention",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("comment__isnull", True)),
                        fields=("folder", "recipient"),
                        name="mailarchive_one_queue_notice",
                    ),
                ],
            },
        ),
    ]
