"""The mail that tells somebody of what they follow: text and HTML, out of templates."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from wagtail.models import Site

from ..models import Delivery, Follow
from .following_news import News, title_of
from .own_mail import list_id, message_id

_TEMPLATES = "wagtail_mailarchive/following"


def mail_of(delivery: Delivery, news: News) -> EmailMultiAlternatives:
    """Return the mail, in the active language and time zone."""
    follow = delivery.follow
    base = site_address(follow)
    unfollow = f"{base}{reverse('wagtail_mailarchive:unfollow', args=[follow.token])}"
    values = {
        "follow": follow,
        "title": title_of(follow),
        "news": news,
        "more_messages": news.message_count - len(news.messages),
        "more_comments": news.comment_count - len(news.comments),
        "unfollow_address": unfollow,
        "manage_address": f"{base}{reverse('wagtail_mailarchive:following')}",
    }
    subject = render_to_string(f"{_TEMPLATES}/subject.txt", values)
    text = render_to_string(f"{_TEMPLATES}/text.txt", values)
    message = EmailMultiAlternatives(
        " ".join(subject.split()),
        text.strip() + "\n",
        getattr(settings, "WAGTAILADMIN_NOTIFICATION_FROM_EMAIL", None),
        [follow.reader.email],
        headers={
            # The same whenever it is tried, so that a mail that came twice could be known.
            "Message-ID": message_id(f"follow-{follow.pk}-{delivery.number}"),
            "List-Id": list_id(f"follow-{follow.pk}"),
            "List-Unsubscribe": f"<{unfollow}>",
            # RFC 8058: one POST, without a session.
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # RFC 3834, and how Exchange wants to be told: no holiday notes in return.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string(f"{_TEMPLATES}/mail.html", values), "text/html")
    return message


def site_address(follow: Follow) -> str:
    """Return scheme and host of the site that shows what is followed."""
    site = follow.folder.get_site() if follow.folder else None
    if site is None:
        site = Site.objects.filter(is_default_site=True).first() or Site.objects.first()
    return str(site.root_url) if site else ""
