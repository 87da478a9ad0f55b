"""Moving pages above much mail: asked for in Wagtail's own views, done by the worker, told here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django.views.generic import TemplateView
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.models import Page

from ..exceptions import MoveUnderWay
from ..fetching import moving
from ..fetching.upkeep_progress import progress
from ..kept_out import kept_out
from ..models import EmailFolderPage, UpkeepKind, UpkeepRun
from ..models.upkeep import UNDER_WAY
from .policies import asked_number, may_keep_up
from .refusals import may_explore
from .upkeep_region import UpkeepRegion, told_of

_KINDS = (UpkeepKind.MOVE, UpkeepKind.READDRESS)
MOST_RUNS = 20


def urls() -> list[URLPattern]:
    return [
        path("mailarchive/moves/<int:run_id>/", MovingView.as_view(), name="mailarchive_move"),
        path("mailarchive/moves/progress/", move_progress, name="mailarchive_move_progress"),
    ]


def leave_to_the_worker(
    request: HttpRequest, pages: Sequence[Page], destination: Page
) -> HttpResponse | None:
    """Have the worker move `pages` if much mail is below them; None to have Wagtail move them.

    Wagtail does it itself, too, where it refuses, and where other pages move along.
    """
    user: Any = request.user
    may_move = (page.permissions_for_user(user).can_move_to(destination) for page in pages)
    if not moving.is_for_the_worker(pages) or _cascades() or not all(may_move):
        return None
    try:
        run = moving.request_move(pages, destination, user=user)
    except MoveUnderWay as error:
        messages.error(request, _(error.template) % error.params)
        return redirect("wagtailadmin_explore", pages[0].get_parent().pk)
    messages.success(request, _("Requested; a worker begins in a moment."))
    return redirect("mailarchive_move", run.pk)


def may_stop(user: Any, run: UpkeepRun) -> bool:
    """Whether `user` may end a move, which those may who asked for it, and superusers."""
    is_own = run.kind == UpkeepKind.MOVE and run.requested_by_id == user.pk
    return is_own or may_keep_up(user, run.folder)


def region_of_folder(folder: EmailFolderPage, user: Any) -> UpkeepRegion | None:
    """Return what the worker is at that changes where `folder` or its mail is, if anything."""
    under_way = UpkeepRun.objects.filter(status__in=UNDER_WAY).select_related("folder")
    runs = under_way.filter(Q(kind=UpkeepKind.MOVE) | Q(kind=UpkeepKind.READDRESS, folder=folder))
    about = [run for run in runs.order_by("pk") if run.folder_id or _moves(run, folder)]
    return _region(about, user) if about else None


class MovingView(WagtailAdminTemplateMixin, TemplateView):
    """Shows one such run, to who asked for it and to those who see the pages; 403 for others."""

    template_name = "wagtail_mailarchive/admin/moving.html"
    http_method_names = ["get", "head", "options"]
    page_title = gettext_lazy("Moving pages")
    header_icon = "arrow-right-full"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        runs = UpkeepRun.objects.filter(kind=UpkeepKind.MOVE)
        self.run = get_object_or_404(runs, pk=kwargs["run_id"])
        if not _may_see(request.user, self.run):
            return _not_theirs(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*self.breadcrumbs_items, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        runs = [self.run, *self._addresses_that_follow()]
        active = [run for run in runs if run.is_active]
        region = _region(active, self.request.user)
        [told] = progress([self.run])
        context.update(
            run=self.run,
            sentence=told["sentence"],
            name=told["account"],
            region=region if active else None,
            facts=[
                (_("Pages"), self._links(_keys(self.run))),
                (_("Destination"), self._links([self.run.plan["destination"]])),
            ],
            media=region.media,
        )
        return context

    def _links(self, keys: Sequence[int]) -> list[tuple[str, str]]:
        """Return title and address of those pages that are there, and that the user may see."""
        return [
            (page.get_admin_display_title(), reverse("wagtailadmin_explore", args=[page.pk]))
            for page in _pages(keys)
            if may_explore(self.request.user, page)
        ]

    def _addresses_that_follow(self) -> list[UpkeepRun]:
        below = Q(pk__in=[])
        for page in _pages(_keys(self.run)):
            below |= Q(folder__path__startswith=page.path)
        runs = UpkeepRun.objects.filter(below, kind=UpkeepKind.READDRESS, status__in=UNDER_WAY)
        return list(runs.select_related("folder").order_by("pk")[: MOST_RUNS - 1])


@require_GET
@never_cache
def move_progress(request: HttpRequest) -> HttpResponseBase:
    """Answer with the progress of those runs that the query names (`run`)."""
    asked = map(asked_number, request.GET.getlist("run")[:MOST_RUNS])
    runs = UpkeepRun.objects.filter(kind__in=_KINDS).select_related("folder")
    found = list(runs.filter(pk__in=[key for key in asked if key is not None]).order_by("pk"))
    if not all(_may_see(request.user, run) for run in found):
        return _not_theirs(request)
    return JsonResponse(told_of(found))


def _region(runs: Sequence[UpkeepRun], user: Any) -> UpkeepRegion:
    asked = urlencode({"run": [run.pk for run in runs]}, doseq=True)
    address = f"{reverse('mailarchive_move_progress')}?{asked}"
    return UpkeepRegion(runs, address, partial(may_stop, user))


def _may_see(user: Any, run: UpkeepRun) -> bool:
    """Whether they asked for it, or see all that it is about."""
    if user.is_superuser or run.requested_by_id == user.pk:
        return True
    if run.folder is not None:
        return may_explore(user, run.folder)
    pages = _pages(_keys(run))
    return bool(pages) and all(may_explore(user, page) for page in pages)


def _not_theirs(request: HttpRequest) -> HttpResponseBase:
    return kept_out(
        request,
        heading=_("Moving pages"),
        icon="arrow-right-full",
        sentence=_("Only who asked for it, and who may edit all of these pages, can watch this."),
    )


def _moves(run: UpkeepRun, folder: EmailFolderPage) -> bool:
    return any(folder.path.startswith(path) for _key, _title, path, _number in run.plan["pages"])


def _keys(run: UpkeepRun) -> list[int]:
    return [key for key, *_ in run.plan["pages"]]


def _pages(keys: Sequence[int]) -> QuerySet[Page]:
    found: QuerySet[Page] = Page.objects.filter(pk__in=keys).order_by("depth", "path")
    return found


def _cascades() -> bool:
    """Whether translations of a page move with it, of which only Wagtail's own views know."""
    is_on = getattr(settings, "WAGTAIL_I18N_ENABLED", False)
    return is_on and bool(hooks.get_hooks("construct_translated_pages_to_cascade_actions"))
