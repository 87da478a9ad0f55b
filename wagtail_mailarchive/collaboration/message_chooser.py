"""Choosing a message in the admin: by the archive's own search, among what the user may read.

`MessageChooserWidget` can be used in forms of the site's own, too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.choosers import BaseFilterForm
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.views.generic.chooser import (
    ChooseResultsView,
    ChooseView,
    ChosenMultipleView,
    ChosenView,
)
from wagtail.admin.viewsets.chooser import ChooserViewSet
from wagtail.admin.widgets import BaseChooser

from ..archive.search import Question, backend, parse
from ..archive.search.query import MAX_TEXT
from ..exceptions import SearchUnavailable
from ..models import EmailMessagePage
from ..models.privacy import readable_folders
from .relations import readable_messages

logger = logging.getLogger("wagtail_mailarchive.collaboration")

SEARCH_LIMIT = 50
NAME = "mailarchive_message_chooser"


def find_messages(text: str, request: HttpRequest) -> QuerySet[EmailMessagePage]:
    """Return the newest messages that `text` means and `request` may read, newest first.

    Raises:
        SearchUnavailable.
    """
    query = parse(text[:MAX_TEXT], timezone.get_current_timezone())
    query.folders.clear()
    none: QuerySet[EmailMessagePage] = EmailMessagePage.objects.none()
    folders = sorted(readable_folders(request))
    if query.is_empty or not folders:
        return none
    found = backend().by_date(Question.of(query, folders), before=None, limit=SEARCH_LIMIT)
    shown: QuerySet[EmailMessagePage] = readable_messages(request).filter(text_entry__in=found)
    return shown.select_related("folder").order_by("-sorted_at", "-pk")


class MessageFilterForm(BaseFilterForm):
    q = forms.CharField(label=_("Search mail"), required=False, max_length=MAX_TEXT)

    def filter(self, objects: QuerySet[EmailMessagePage]) -> QuerySet[EmailMessagePage]:
        self.search_query = self.cleaned_data.get("q")
        self.is_searching = bool(self.search_query)
        return objects


class _Choose:
    """What both the dialogue and its list of results do."""

    request: HttpRequest
    filter_form_class = MessageFilterForm
    results_template_name = "wagtail_mailarchive/admin/message_chooser_results.html"
    is_unavailable = False

    def get_object_list(self) -> QuerySet[EmailMessagePage]:
        try:
            return find_messages(self.request.GET.get("q", ""), self.request)
        except SearchUnavailable as error:
            logger.warning("%s", error)
            self.is_unavailable = True
            none: QuerySet[EmailMessagePage] = EmailMessagePage.objects.none()
            return none

    def apply_object_list_ordering(
        self, objects: QuerySet[EmailMessagePage]
    ) -> QuerySet[EmailMessagePage]:
        return objects

    @property
    def columns(self) -> Sequence[Column]:
        title = self.title_column  # type: ignore[attr-defined]
        title.label = _("Subject")
        return [
            title,
            Column("sender", label=_("Sender"), accessor="display_sender"),
            Column("folder", label=_("Email folder"), accessor="folder.title"),
            DateColumn("sent", label=_("Sent"), accessor="sorted_at"),
        ]


class MessageChooseView(_Choose, ChooseView):
    pass


class MessageResultsView(_Choose, ChooseResultsView):
    pass


class MessageChosenView(ChosenView):
    def get_object(self, pk: str) -> EmailMessagePage:
        if not pk.isdecimal():
            raise EmailMessagePage.DoesNotExist
        return readable_messages(self.request).get(pk=int(pk[:18]))


class MessagesChosenView(ChosenMultipleView):
    def get_objects(self, pks: Sequence[str]) -> QuerySet[EmailMessagePage]:
        keys = [int(pk[:18]) for pk in pks[:SEARCH_LIMIT] if pk.isdecimal()]
        return readable_messages(self.request).filter(pk__in=keys)


class MessageChooserWidget(BaseChooser):
    """Chooses a message.

    Attributes:
        messages: those whose subject may be shown where the form is shown again; none by default,
            because a form alone does not know who looks at it.
    """

    model = EmailMessagePage
    choose_one_text = _("Choose a message")
    choose_another_text = _("Choose another message")
    link_to_chosen_text = _("Open this message")
    chooser_modal_url_name = f"{NAME}:choose"
    icon = "mail"
    messages: QuerySet[EmailMessagePage] | None = None

    def get_instance(self, value: Any) -> EmailMessagePage | None:
        if value is None or isinstance(value, EmailMessagePage):
            return value
        if self.messages is None or not str(value).isdecimal():
            return None
        return self.messages.filter(pk=int(str(value)[:18])).first()

    def get_display_title(self, instance: EmailMessagePage) -> str:
        return instance.display_subject


class MessageChooserViewSet(ChooserViewSet):
    model = EmailMessagePage
    icon = "mail"
    choose_one_text = _("Choose a message")
    choose_another_text = _("Choose another message")
    choose_view_class = MessageChooseView
    choose_results_view_class = MessageResultsView
    chosen_view_class = MessageChosenView
    chosen_multiple_view_class = MessagesChosenView
    base_widget_class = MessageChooserWidget
    # Messages are pages, and fields that refer to pages keep Wagtail's own chooser.
    register_widget = False
    per_page = 10


def viewset() -> MessageChooserViewSet:
    return MessageChooserViewSet(NAME, url_prefix="mailarchive/choose-message")
