"""Wagtail's chooser of pages names each page to whoever may enter the admin; messages it must not.

Editors who may read mail choose it there as any page: to link to it, or to relate something to it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.http import HttpRequest

from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import readable_folders, refused_restrictions


def without_closed_mail(pages: Any, request: HttpRequest) -> Any:
    """Return `pages` without the messages that `request` may not read, or that are in the trash.

    It costs as many queries however many there are, and only conditions that searches can hold.
    """
    messages = ContentType.objects.get_for_model(EmailMessagePage)
    folders = EmailFolderPage.objects.exclude(pk__in=readable_folders(request))
    hidden = Q(live=False)
    for path in folders.values_list("path", flat=True):
        hidden |= Q(path__startswith=path)
    refused = refused_restrictions(request).filter(page__content_type=messages)
    hidden |= Q(pk__in=list(refused.values_list("page_id", flat=True)))
    return pages.exclude(hidden, content_type=messages)
