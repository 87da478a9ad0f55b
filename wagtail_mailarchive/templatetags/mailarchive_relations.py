"""What mail has to do with other things, for templates of messages and of the site's own pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Model
from django.template import Context

from ..collaboration.relation_views import relations_address
from ..collaboration.relations import Related, State, may_relate, related_messages, relations_of
from ..models import EmailMessagePage
from ..reading.added import Added
from .mailarchive_tags import is_there

register = template.Library()


@register.inclusion_tag("wagtail_mailarchive/includes/relations.html", takes_context=True)
def message_relations(context: Context, message: EmailMessagePage) -> dict[str, Any]:
    """Show what `message` is related to and what is related to it, as far as the reader may know.

    Only for templates that are given the request; for others nothing is shown.
    """
    request = context.get("request")
    if request is None:
        return {}
    ends = relations_of(message, request) if is_there(context, Added.RELATIONS) else []
    back = related_messages(message, request) if is_there(context, Added.RELATED) else Related([])
    user = request.user
    return {
        "ends": [each for each in ends if each.state is not State.HIDDEN],
        "back": back,
        "relate_address": relations_address(message) if _may_relate(user, message) else "",
    }


@register.inclusion_tag("wagtail_mailarchive/includes/related_mail.html", takes_context=True)
def related_mail(context: Context, instance: Model) -> dict[str, Any]:
    """Show the messages that are related to a page, a document or an image.

    Only those that the reader may read, so the result must not be cached for others.
    """
    request = context.get("request")
    return {"related": related_messages(instance, request)} if request is not None else {}


def _may_relate(user: Any, message: EmailMessagePage) -> bool:
    return bool(user.is_authenticated) and may_relate(user, message)
