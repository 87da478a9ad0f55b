"""Comments on a message's page: the page does not know them, its template asks for them."""

from __future__ import annotations

from typing import Any

from django import template

from ..collaboration.comment_listing import discussion
from ..reading.added import Added
from .mailarchive_tags import is_there

register = template.Library()


@register.inclusion_tag("wagtail_mailarchive/includes/comments.html", takes_context=True)
def comments(context: template.Context) -> dict[str, Any]:
    """Show the comments on the message that is being served, and the form to write one."""
    request = context["request"]
    has_some = is_there(context, Added.COMMENTS)
    return {
        "discussion": discussion(context["page"], request, context["address"], has_some=has_some),
        "csrf_token": context.get("csrf_token"),
        "messages": context.get("messages"),
        "request": request,
    }
