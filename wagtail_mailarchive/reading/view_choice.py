"""Whether the reader wants HTML mail as its sender laid it out, or as text; remembered.

In a cookie that holds nothing but that word: readers need no account, and none is told apart.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

COOKIE: Final = "mailarchive_view"
PARAMETER: Final = "view"
HTML, TEXT = "html", "text"
_CHOICES = (HTML, TEXT)
_MAX_AGE = 365 * 24 * 60 * 60  # seconds


def wants_text(request: HttpRequest) -> bool:
    """Whether the reader asks for text, now or by what was chosen before."""
    chosen = request.GET.get(PARAMETER)
    if chosen not in _CHOICES:
        chosen = request.COOKIES.get(COOKIE)
    return chosen == TEXT


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Keep what the reader chose with this request, if anything."""
    patch_vary_headers(response, ["Cookie"])
    chosen = request.GET.get(PARAMETER, "")
    if chosen in _CHOICES and chosen != request.COOKIES.get(COOKIE):
        response.set_cookie(
            COOKIE,
            chosen,
            max_age=_MAX_AGE,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
