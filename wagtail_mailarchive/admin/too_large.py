"""“Archive anyway”: messages that were left on the server for their size, and are wanted."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request

from ..fetching.by_hand import fetch_new_mail
from ..fetching.waiting import want
from ..models import LedgerEntry, MailAccount, Outcome
from ..models.permissions import folders_managed_by, may_manage_any
from .ledger import PER_PAGE
from .ledger_rows import ledger_address
from .policies import asked_number, refused


@require_POST
def archive_anyway(request: HttpRequest) -> HttpResponseBase:
    """Have the chosen entries fetched; those of folders that the user does not manage are none.

    Nor are those that no fetch would come across, or one into another folder: of mailboxes no
    longer archived, and of accounts that were given another folder.
    """
    if not may_manage_any(request.user):
        return refused(request)
    keys = [asked_number(text) for text in request.POST.getlist("entry")[:PER_PAGE]]
    entries = LedgerEntry.objects.filter(
        pk__in=[key for key in keys if key is not None],
        mailbox__folder__in=folders_managed_by(request.user),
        mailbox__is_archived=True,
        mailbox__account__folder=F("mailbox__folder"),
    )
    found = dict(entries.values_list("pk", "mailbox__account"))
    number = want(LedgerEntry.objects.filter(pk__in=list(found)))
    if not number:
        messages.warning(request, _("No message was chosen that could be archived anyway."))
    else:
        user = request.user if request.user.is_authenticated else None
        accounts = MailAccount.objects.filter(pk__in=set(found.values()))
        answer = fetch_new_mail(accounts, user)
        told = ngettext(
            "%(number)d message is to be archived although it is large.",
            "%(number)d messages are to be archived although they are large.",
            number,
        )
        messages.success(request, f"{told % {'number': number}} {answer}")
    otherwise = ledger_address(outcome=Outcome.TOO_LARGE)
    return redirect(get_valid_next_url_from_request(request) or otherwise)
