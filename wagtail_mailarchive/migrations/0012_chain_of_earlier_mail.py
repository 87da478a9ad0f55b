"""Chains for what was archived before there were any, in the order in which it came.

What these entries say of the time before this migration is only what the database said then.
"""

from django.db import migrations
from django.db.models.functions import Coalesce

from wagtail_mailarchive.archive.chain import BEGINNING, digest_of

TOGETHER = 2000


def append_entries(apps, schema_editor):
    folders = apps.get_model("wagtail_mailarchive", "EmailFolderPage")
    for folder_id in folders.objects.order_by("pk").values_list("pk", flat=True):
        append_entries_of(apps, folder_id)


def append_entries_of(apps, folder_id):
    chain = apps.get_model("wagtail_mailarchive", "ChainEntry").objects
    last = chain.filter(folder_id=folder_id).order_by("-number").first()
    number, digest = (last.number, last.digest) if last else (0, BEGINNING)
    entries = []
    for sha256, mailbox, moment, _ in arrivals(apps, folder_id):
        number += 1
        digest = digest_of(digest, number, sha256, moment, mailbox)
        entries.append(
            chain.model(
                folder_id=folder_id,
                number=number,
                sha256=sha256,
                mailbox=mailbox,
                archived_at=moment,
                digest=digest,
            )
        )
        if len(entries) == TOGETHER:
            chain.bulk_create(entries)
            entries = []
    chain.bulk_create(entries)


def arrivals(apps, folder_id):
    """Yield what came into a folder: (SHA-256, name of the mailbox, when, key of the entry)."""
    ledger = apps.get_model("wagtail_mailarchive", "LedgerEntry").objects
    chained = apps.get_model("wagtail_mailarchive", "ChainEntry").objects.filter(
        folder_id=folder_id
    )
    # A mailbox may serve another folder by now; a page says where it came to be. Two questions,
    # because no index serves both at once.
    archived = ledger.filter(outcome="archived", message__folder_id=folder_id)
    quarantined = ledger.filter(
        outcome="quarantined", mailbox__folder_id=folder_id, original__isnull=False
    )
    new, kept = (
        came.exclude(original__sha256__in=chained.values("sha256"))
        .annotate(moment=Coalesce("decided_at", "seen_at"))
        .values_list("original__sha256", "mailbox__name", "moment", "pk")
        for came in (archived, quarantined)
    )
    rows = new.union(kept, all=True).order_by("moment", "pk")
    return rows.iterator(chunk_size=TOGETHER)


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0011_upkeep_of_what_is_archived")]

    operations = [migrations.RunPython(append_entries, migrations.RunPython.noop)]
