"""An index that finds what comments were shown lately; the threads of messages in quarantine."""

import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0002_search_index")]

    operations = [
        migrations.RemoveIndex(model_name="comment", name="mailarchive_comments_shown"),
        migrations.AddIndex(
            model_name="comment",
            index=models.Index(
                models.F("state"),
                django.db.models.functions.comparison.Coalesce("decided_at", "created_at"),
                name="mailarchive_comment_shown_at",
            ),
        ),
        migrations.AddField(
            model_name="envelope",
            name="source_thread",
            field=models.BigIntegerField(null=True),
        ),
    ]
