"""How Wagtail's page views are replaced for folders and messages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from wagtail.admin import messages
from wagtail.admin.views.pages.delete import DeleteView
from wagtail.admin.viewsets.pages import PageViewSet

from ..models import EmailFolderPage, EmailMessagePage
from ..models.keeping import refusal_to_delete
from .message_inspection import MessageInspectionView
from .message_listing import MessageIndexView
from .refusals import may_explore


class FolderDeleteView(DeleteView):
    """Says why a folder with mail stays, where Wagtail would only say that it may not be."""

    def dispatch(
        self, request: HttpRequest, page_id: int, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        folder = get_object_or_404(EmailFolderPage, pk=page_id)
        if may_explore(request.user, folder) and (reason := refusal_to_delete(folder)):
            messages.error(request, reason)
            return redirect("wagtailadmin_explore", folder.pk)
        response: HttpResponseBase = super().dispatch(request, page_id, *args, **kwargs)
        return response


class EmailFolderViewSet(PageViewSet):
    model = EmailFolderPage
    icon = "mail"
    delete_view_class = FolderDeleteView


class EmailMessageViewSet(PageViewSet):
    """Registers itself as the explorer of folders too, whose only children are messages."""

    model = EmailMessagePage
    icon = "mail"
    index_view_class = MessageIndexView
    edit_view_class = MessageInspectionView
    filterset_class = None
    ordering = "-sorted_at"
