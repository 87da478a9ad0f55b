"""The report of what was erased in a folder: hash, why, by whom and when; nothing of the mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ..models import EmailFolderPage, Tombstone
from .policies import refused
from .trash import PER_PAGE, FolderView


class ErasedView(FolderView):
    template_name = "wagtail_mailarchive/admin/erased.html"
    page_title = gettext_lazy("Erased mail")

    def is_allowed(self, user: Any) -> bool:
        return bool(self.folder.permissions_for_user(user).can_erase())

    def refused(self, request: HttpRequest) -> HttpResponseBase:
        return refused(request)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        stones = Tombstone.objects.filter(folder=self.folder).select_related("user")
        before = self.before()
        if before is not None:
            stones = stones.filter(pk__lt=before)
        found = list(stones.order_by("-pk")[: PER_PAGE + 1])
        context.update(
            folder=self.folder,
            stones=found[:PER_PAGE],
            older=f"?before={found[PER_PAGE - 1].pk}" if len(found) > PER_PAGE else "",
            is_first=before is None,
        )
        return context


@require_safe
def erased_report(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Download the whole report, one JSON object a line."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_erase():
        return refused(request)
    name = f"erased-{folder.pk}-{timezone.now():%Y-%m-%dT%H%M%SZ}.jsonl"
    return StreamingHttpResponse(
        _lines(folder.pk),
        content_type="application/jsonl",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def _lines(folder_id: int) -> Iterator[str]:
    stones = Tombstone.objects.filter(folder=folder_id).select_related("user").order_by("pk")
    for stone in stones.iterator(chunk_size=500):
        told = {
            "sha256": stone.sha256,
            "reason": stone.reason,
            "user": stone.user.get_username() if stone.user else None,
            "erased_at": stone.erased_at.isoformat(),
            "bytes_kept": stone.bytes_kept,
            "comments": stone.comments,
        }
        yield json.dumps(told, ensure_ascii=False) + "\n"
