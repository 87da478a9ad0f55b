"""“Relations” of a message in the admin: what there is, one more, one less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.admin_url_finder import ModelAdminURLFinder, register_admin_url_finder
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.widgets.button import Button
from wagtail.models import Page

from ..kept_out import kept_out
from ..models import EmailMessagePage, Relation
from . import message_chooser
from .page_chooser import without_closed_mail
from .relation_form import RelationForm
from .relations import may_relate, related_messages, relations_of


def plug_in() -> None:
    """Tell Wagtail of these views, of the button that leads to them, and of the choosers."""
    hooks.register("register_admin_urls", _urls)
    hooks.register("register_admin_viewset", message_chooser.viewset)
    hooks.register("construct_page_chooser_queryset", without_closed_mail)
    hooks.register("register_page_header_buttons", message_button)
    register_admin_url_finder(Relation, RelationURLFinder)


def _urls() -> list[URLPattern]:
    return [
        path(
            "mailarchive/messages/<int:message_id>/relations/",
            RelationsView.as_view(),
            name="mailarchive_relations",
        ),
        path(
            "mailarchive/relations/<int:pk>/delete/",
            delete_relation,
            name="mailarchive_delete_relation",
        ),
    ]


def relations_address(message: EmailMessagePage) -> str:
    return reverse("mailarchive_relations", args=[message.pk])


def message_button(
    page: Page, user: Any, view_name: str, next_url: str | None = None
) -> Iterator[Button]:
    if isinstance(page, EmailMessagePage) and may_relate(user, page):
        yield Button(_("Relations"), url=relations_address(page), icon_name="link", priority=50)


class RelationURLFinder(ModelAdminURLFinder):
    """Where Wagtail's usage views lead from a relation; nowhere for who may not see it."""

    def get_edit_url(self, instance: Relation) -> str | None:
        if self.user and not may_relate(self.user, instance.message):
            return None
        return relations_address(instance.message)


class RelationsView(WagtailAdminTemplateMixin, TemplateView):
    """Shows a message's relations and the form for one more; for those who may relate it."""

    template_name = "wagtail_mailarchive/admin/relations.html"
    page_title = gettext_lazy("Relations")
    header_icon = "link"
    http_method_names = ["get", "head", "options", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.message = get_object_or_404(EmailMessagePage, id=kwargs["message_id"])
        if not may_relate(request.user, self.message):
            return _kept_out(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_page_subtitle(self) -> str:
        return str(self.message.get_admin_display_title())

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        message = reverse("wagtailadmin_pages:edit", args=[self.message.pk])
        above = {"url": message, "label": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, above, {"url": "", "label": self.get_page_title()}]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = RelationForm(self.message, request, request.POST)
        if not form.is_valid():
            messages.error(request, _("The relation could not be added due to errors."))
            context = self.get_context_data(form=form, **kwargs)
            return self.render_to_response(context)
        try:
            with transaction.atomic():
                form.relation.save()
        except IntegrityError:
            # Somebody else was faster, or a second click.
            messages.warning(request, _("The message is related to this already."))
        else:
            messages.success(request, _("The relation is added."))
        return redirect(relations_address(self.message))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        form = kwargs.get("form") or RelationForm(self.message, self.request)
        context.update(
            message=self.message,
            ends=relations_of(self.message, self.request),
            back=related_messages(self.message, self.request),
            form=form,
            media=form.media,
        )
        return context


@require_POST
def delete_relation(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a relation back; for those who may relate its message."""
    relation = get_object_or_404(Relation.objects.select_related("message"), pk=pk)
    if not may_relate(request.user, relation.message):
        return _kept_out(request)
    relation.delete()
    messages.success(request, _("The relation is deleted."))
    return redirect(relations_address(relation.message))


def _kept_out(request: HttpRequest) -> HttpResponseBase:
    return kept_out(
        request,
        heading=_("Relations"),
        icon="link",
        sentence=_(
            "You may not relate this message. That takes the right to change or publish pages "
            "where it is."
        ),
    )
