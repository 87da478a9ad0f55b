"""Wagtail's form to translate a page, which has no hook to refuse by.

What its action refuses would reach the user as a sentence on the dashboard that says no reason.
Only for sites with `wagtail.contrib.simple_translation`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from wagtail.admin import messages
from wagtail.contrib.simple_translation.views import SubmitPageTranslationView
from wagtail.models import Page

from .refusals import may_explore, refusal_to_copy


class TranslationWithoutMail(SubmitPageTranslationView):
    """Says why a message is not translated, nor a page together with the mail below it."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        page = get_object_or_404(Page, pk=kwargs["page_id"])
        # The form shows first; it is what it asks for that may be refused.
        recursive = request.method == "POST" and bool(request.POST.get("include_subtree"))
        reason = refusal_to_copy(page, recursive=recursive)
        if reason and may_explore(request.user, page):
            messages.error(request, reason)
            return redirect("wagtailadmin_explore", page.get_parent().pk)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


def urls() -> list[URLPattern]:
    """Return the form's address, to stand before Wagtail's own, by whose name it is found."""
    return [path("translation/submit/page/<int:page_id>/", TranslationWithoutMail.as_view())]
