"""The trash of a folder: what is in it, who put it there and why; restoring and erasing."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, TypedDict

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, QuerySet
from django.db.models import Exists as Found
from django.db.transaction import non_atomic_requests
from django.forms import Media
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..archive import trash
from ..conf import archive_settings
from ..exceptions import MailArchiveError
from ..fetching import trash_requests
from ..fetching.upkeep_progress import UpkeepProgress, progress
from ..kept_out import kept_out
from ..models import (
    EmailFolderPage,
    EmailMessagePage,
    TrashedFolder,
    TrashEntry,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)
from ..models.trash import LONGEST_REASON
from ..models.upkeep import UNDER_WAY
from .policies import asked_number, may_keep_up, refused
from .upkeep_region import UpkeepRegion, told_of

PER_PAGE = 50
_TOLD_FOR = timedelta(days=1)
# Into the trash and back.
MOVING = (UpkeepKind.TRASH, UpkeepKind.RESTORE)
KINDS = (*MOVING, UpkeepKind.ERASE, UpkeepKind.EMPTY)


def may_open(user: Any, folder: EmailFolderPage) -> bool:
    """Whether `user` may see the folder's trash, and take things out of it."""
    tester = folder.permissions_for_user(user)
    return tester.can_trash() or tester.can_erase()


def may_stop(user: Any, run: UpkeepRun) -> bool:
    """Whether `user` may end `run`: of moving, whoever may ask for that; of all else, managers."""
    if run.kind in MOVING and run.folder and may_open(user, run.folder):
        return True
    return may_keep_up(user, run.folder)


def not_theirs(request: HttpRequest) -> HttpResponseBase:
    """Return the answer, status 403, to those who may not move mail to the trash, or restore it."""
    return kept_out(
        request,
        heading=_("Trash"),
        icon="bin",
        sentence=_(
            "You may not do that here. It takes the permission “Can move mail to the trash and "
            "restore it” and the right to publish the email folder."
        ),
    )


def address_of(folder: EmailFolderPage) -> str:
    return reverse("mailarchive_trash", args=[folder.pk])


class FolderView(WagtailAdminTemplateMixin, TemplateView):
    """A page about one folder, below it in the explorer; 403 for who may not open it."""

    http_method_names = ["get", "head", "options"]
    header_icon = "bin"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.folder = get_object_or_404(EmailFolderPage, pk=kwargs["folder_id"])
        if not self.is_allowed(request.user):
            return self.refused(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def is_allowed(self, user: Any) -> bool:
        return may_open(user, self.folder)

    def refused(self, request: HttpRequest) -> HttpResponseBase:
        return not_theirs(request)

    def get_page_subtitle(self) -> str:
        return str(self.folder.get_admin_display_title())

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        explorer = reverse("wagtailadmin_explore", args=[self.folder.pk])
        return [
            *self.breadcrumbs_items,
            {"url": explorer, "label": self.get_page_subtitle()},
            {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()},
        ]

    def before(self) -> int | None:
        """Return the key behind which the page of a list begins; None for the first page."""
        return asked_number(self.request.GET.get("before", ""))


class TrashView(FolderView):
    """Lists what is in the trash, the latest first."""

    template_name = "wagtail_mailarchive/admin/trash.html"
    page_title = gettext_lazy("Trash")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        folder, user = self.folder, self.request.user
        runs = list(_runs(folder).filter(status__in=UNDER_WAY).order_by("-pk"))
        region = _region(folder, runs, user) if runs else None
        found = _listed(folder, self.before())
        entries = found[:PER_PAGE]
        trashed = TrashedFolder.objects.filter(folder=folder).select_related("user").first()
        context.update(
            folder=folder,
            entries=entries,
            older=f"?before={entries[-1].pk}" if len(found) > PER_PAGE else "",
            is_first=self.before() is None,
            trashed=trashed,
            # Of a folder that holds none it is known without asking.
            only_here=trash.only_here(folder) if trashed and folder.numchild else 0,
            ended=_ended_early(folder) if not runs else None,
            may_delete=bool(trashed) and folder.permissions_for_user(user).can_delete(),
            may_erase=folder.permissions_for_user(user).can_erase(),
            is_erasing=any(run.kind == UpkeepKind.ERASE for run in runs),
            days=archive_settings().TRASH_DAYS,
            region=region,
            media=(region or UpkeepRegion([], "")).media + Media(),
        )
        return context


def _listed(folder: EmailFolderPage, before: int | None) -> list[TrashEntry]:
    """Return a page of entries, and one more if there is one; two queries at most."""
    elsewhere = EmailMessagePage.objects.filter(trash.is_elsewhere(), pk=OuterRef("message_id"))
    entries = trash.entries_of(folder.pk).select_related("message", "user").defer("text")
    entries = entries.annotate(
        is_elsewhere=ExpressionWrapper(Found(elsewhere), output_field=BooleanField())
    )
    if before is not None:
        entries = entries.filter(pk__lt=before)
    return list(entries[: PER_PAGE + 1])


@require_GET
@never_cache
def trash_progress(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Answer with the progress of those runs that the query names (`run`)."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not may_open(request.user, folder):
        return not_theirs(request)
    asked = map(asked_number, request.GET.getlist("run")[: len(KINDS)])
    runs = _runs(folder).filter(pk__in=[each for each in asked if each is not None])
    return JsonResponse(told_of(list(runs.order_by("-pk"))))


@non_atomic_requests
@require_POST
def restore(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Bring back what is chosen, at once, or all of it, by the worker.

    Not in a transaction of the site's: what is restored is to be committed when this says so.
    """
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not may_open(request.user, folder):
        return not_theirs(request)
    if request.POST.get("all") == "1":
        trash_requests.restore_all(folder, user=_user(request))
        messages.success(request, _("Requested; a worker begins in a moment."))
        return redirect(address_of(folder))
    chosen = _chosen(request)
    if not chosen:
        messages.error(request, _("Choose messages first."))
        return redirect(address_of(folder))
    number = trash_requests.restore(folder, chosen, user=_user(request))
    told = ngettext("%(number)d message is restored.", "%(number)d messages are restored.", number)
    messages.success(request, told % {"number": number})
    return redirect(address_of(folder))


@require_POST
def erase(request: HttpRequest, folder_id: int) -> HttpResponseBase:
    """Have the worker erase what is chosen, all of the trash, or the folder; nobody can undo it."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_erase():
        return refused(request)
    is_all, is_whole = request.POST.get("all") == "1", request.POST.get("folder") == "1"
    chosen = _chosen(request)
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:LONGEST_REASON]
    if not (chosen or is_all or is_whole):
        messages.error(request, _("Choose messages first."))
    elif not reason:
        messages.error(request, _("Say why this mail is erased. It is kept in the report."))
    elif request.POST.get("sure") != "1":
        messages.error(request, _("Confirm that the mail is to be erased for good."))
    else:
        how: _How = {
            "user": _user(request),
            "reason": reason,
            "keep_comments": request.POST.get("keep_comments") == "1",
        }
        _request_erasing(request, folder, how, None if is_all else chosen, is_whole=is_whole)
    return redirect(address_of(folder))


class _How(TypedDict):
    user: Any
    reason: str
    keep_comments: bool


def _request_erasing(
    request: HttpRequest,
    folder: EmailFolderPage,
    how: _How,
    chosen: list[int] | None,
    *,
    is_whole: bool,
) -> None:
    try:
        if is_whole:
            trash_requests.erase_folder(folder, **how)
        else:
            trash_requests.erase(folder, message_ids=chosen, **how)
    except MailArchiveError as error:
        messages.error(request, _(error.template) % error.params)
    else:
        messages.success(request, _("Requested; a worker begins in a moment."))


def _chosen(request: HttpRequest) -> list[int]:
    asked = map(asked_number, request.POST.getlist("message")[:PER_PAGE])
    return [number for number in asked if number is not None]


def _user(request: HttpRequest) -> Any:
    return request.user if request.user.is_authenticated else None


def _runs(folder: EmailFolderPage) -> QuerySet[UpkeepRun]:
    return UpkeepRun.objects.filter(folder=folder, kind__in=KINDS).select_related("folder")


def _ended_early(folder: EmailFolderPage) -> UpkeepProgress | None:
    """Return what became of the latest run if it was stopped or failed, for a day."""
    since = timezone.now() - _TOLD_FOR
    last = _runs(folder).order_by("-pk").first()
    if last is None or last.status == UpkeepStatus.DONE or (last.finished_at or since) <= since:
        return None
    return progress([last])[0]


def _progress_address(folder: EmailFolderPage, runs: list[UpkeepRun]) -> str:
    asked = "&".join(f"run={run.pk}" for run in runs)
    return f"{reverse('mailarchive_trash_progress', args=[folder.pk])}?{asked}"


def _region(folder: EmailFolderPage, runs: list[UpkeepRun], user: Any) -> UpkeepRegion:
    # Erasing is seen by all who move mail, and stopped by those who may erase.
    return UpkeepRegion(runs, _progress_address(folder, runs), partial(may_stop, user))


def back_to_folder(folder: EmailFolderPage) -> HttpResponse:
    return redirect("wagtailadmin_explore", folder.pk)
