"""The queue of comments: what waits for a moderator, and what was decided; for many at once.

For those who may publish a folder, each with the comments of their folders.
"""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.menu import MenuItem
from wagtail.admin.utils import get_valid_next_url_from_request
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.viewsets.base import ViewSet

from ..kept_out import kept_out
from ..models import Comment, CommentState, EmailFolderPage
from ..models.permissions import folders_moderated_by, may_moderate_any
from . import comments
from .comment_places import asked_key

PER_PAGE = 50


class ChoiceForm(forms.Form):
    """Which comments to list; only those of the folders `moderated` can be chosen."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[each for each in CommentState.choices if each[0] != CommentState.DELETED],
        required=False,
    )
    folder = forms.ModelChoiceField(
        label=gettext_lazy("Email folder"),
        queryset=EmailFolderPage.objects.none(),
        required=False,
        empty_label=gettext_lazy("All folders"),
    )

    def __init__(self, data: Any, *, moderated: QuerySet[EmailFolderPage]) -> None:
        super().__init__({"state": CommentState.HELD, **data.dict()})
        folder = cast("forms.ModelChoiceField[Any]", self.fields["folder"])
        folder.queryset = moderated.order_by("title")


class CommentQueueView(WagtailAdminTemplateMixin, TemplateView):
    """Lists comments, the newest first; a POST decides on those that were ticked."""

    template_name = "wagtail_mailarchive/admin/comment_queue.html"
    http_method_names = ["get", "head", "options", "post"]
    page_title = gettext_lazy("Comments on mail")
    header_icon = "comment"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_moderate_any(request.user):
            return kept_out(
                request,
                heading=_("Comments on mail"),
                icon="comment",
                sentence=_(
                    "You may not decide on comments. That takes the right to publish an email "
                    "folder."
                ),
            )
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.form = ChoiceForm(request.GET, moderated=folders_moderated_by(request.user))
        if not self.form.is_valid():
            # The same for what is not there and for what is not theirs.
            raise Http404
        return self.render_to_response(self.get_context_data(**kwargs))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Approve, reject or delete the ticked comments, as far as they are the moderator's."""
        ticked = [asked_key(each) for each in request.POST.getlist("comment")[:PER_PAGE]]
        chosen = _moderated(request.user).filter(pk__in=[each for each in ticked if each])
        match request.POST.get("decision"):
            case "approve":
                number = comments.decide(chosen, request.user, approved=True)
                said = ngettext(
                    "%(number)d comment is shown.", "%(number)d comments are shown.", number
                )
            case "reject":
                number = comments.decide(chosen, request.user, approved=False)
                said = ngettext(
                    "%(number)d comment is rejected.", "%(number)d comments are rejected.", number
                )
            case "delete":
                number = comments.delete(chosen)
                said = ngettext(
                    "%(number)d comment is deleted.", "%(number)d comments are deleted.", number
                )
            case _other:
                raise Http404
        if number:
            messages.success(request, said % {"number": number})
        else:
            messages.warning(request, _("Nothing was changed: tick the comments it is about."))
        here = reverse("mailarchive_comments:index")
        return redirect(get_valid_next_url_from_request(request) or here)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*self.breadcrumbs_items, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        values = self.form.cleaned_data
        state = values["state"] or CommentState.HELD
        found = _moderated(self.request.user).filter(state=state)
        if values["folder"]:
            found = found.filter(message__folder=values["folder"])
        before = asked_key(self.request.GET.get("before", ""))
        if before:
            found = found.filter(pk__lt=before)
        # By key and one more than is shown: however many there are, a page costs the same.
        rows = list(
            found.select_related("message__folder", "decided_by").order_by("-pk")[: PER_PAGE + 1]
        )
        query = self.request.GET.copy()
        if len(rows) > PER_PAGE:
            query["before"] = str(rows[PER_PAGE - 1].pk)
        context.update(
            form=self.form,
            rows=rows[:PER_PAGE],
            state=state,
            state_label=CommentState(state).label,
            can_approve=state != CommentState.SHOWN,
            can_reject=state != CommentState.REJECTED,
            further=f"?{query.urlencode()}" if len(rows) > PER_PAGE else "",
            media=Media(css={"all": ["wagtail_mailarchive/admin.css"]}),
        )
        return context


class CommentsMenuItem(MenuItem):
    def is_shown(self, request: HttpRequest) -> bool:
        return may_moderate_any(request.user)


class CommentViewSet(ViewSet):
    """The queue, with its entry among the reports."""

    name = "mailarchive_comments"
    url_prefix = "mailarchive/comments"
    icon = "comment"

    def get_urlpatterns(self) -> list[URLPattern]:
        return [path("", CommentQueueView.as_view(), name="index")]


def menu_item() -> MenuItem:
    return CommentsMenuItem(
        gettext_lazy("Comments on mail"),
        reverse("mailarchive_comments:index"),
        name="mail-comments",
        icon_name="comment",
        order=1140,
    )


def _moderated(user: Any) -> QuerySet[Comment]:
    """Return the comments that `user` may decide on; what is in the trash waits there."""
    return Comment.objects.filter(
        message__folder__in=folders_moderated_by(user).order_by().values("pk"),
        message__listed=True,
    )
