"""Comments on a message's page: the page does not know them, its template asks for them."""

from __future__ import annotations

from typing import Any

from django import template

from ..collaboration.comment_listing import discussion

register = template.Library()


@register.inclusion_tag("wagtail_mailarchive/includes/comments.html", takes_context=True)
def comments(context: template.Context) -> dict[str, Any]:
    """Show the comments on the message that is being served, and the form to write one."""
    request = context["request"]
    return {
        "discussion": discussion(context["page"], request, context["address"]),
        "csrf_token": context.get("csrf_token"),
        "messages": context.get("messages"),
        "request": request,
    }
