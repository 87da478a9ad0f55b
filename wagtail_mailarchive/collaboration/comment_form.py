"""What is sent as a comment: checked, and kept from machines that write everywhere.

Two traps that nobody sees: a field that people leave empty, and a signed time that says when the
form was shown for this message. Neither asks readers for anything.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import EmailMessagePage
from ..models.comment import MAX_NAME, MAX_TEXT

TRAP: Final = "website"
_SALT = "wagtail_mailarchive.comment"
_SOONEST = timedelta(seconds=2)
_LONGEST = timedelta(days=1)


class CommentForm(forms.Form):
    """A comment as it is sent; guests also give a name."""

    text = forms.CharField(
        max_length=MAX_TEXT,
        error_messages={"required": gettext_lazy("Write something before you send it.")},
    )
    name = forms.CharField(
        max_length=MAX_NAME,
        required=False,
        error_messages={"required": gettext_lazy("Give a name that is shown with your comment.")},
    )
    website = forms.CharField(required=False)
    shown = forms.CharField(required=False)

    def __init__(self, data: Any, *, message: EmailMessagePage, is_guest: bool) -> None:
        super().__init__(data)
        self._message = message
        self._is_guest = is_guest
        self.fields["name"].required = is_guest

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")

    def clean_website(self) -> str:
        if self.cleaned_data["website"]:
            raise forms.ValidationError(_("Leave the field “Website” empty."))
        return ""

    def clean_shown(self) -> str:
        age = _age(self.cleaned_data["shown"], self._message)
        if age is None or age > _LONGEST:
            raise forms.ValidationError(_("The form was open for too long. Please send it again."))
        if self._is_guest and age < _SOONEST:
            raise forms.ValidationError(_("That was very fast. Please send it again."))
        return ""

    def problems(self) -> list[str]:
        """Return what is wrong with it, in sentences."""
        return [str(each) for errors in self.errors.values() for each in errors]


def shown_now(message: EmailMessagePage) -> str:
    """Return the signed time for a form that is shown now."""
    value = f"{message.pk} {timezone.now().timestamp():.0f}"
    return signing.Signer(salt=_SALT).sign(value)


def _age(signed: str, message: EmailMessagePage) -> timedelta | None:
    """Return how long ago the form was shown; None if that was not for this message."""
    try:
        pk, _blank, at = signing.Signer(salt=_SALT).unsign(signed).partition(" ")
    except signing.BadSignature:
        return None
    if pk != str(message.pk):
        return None
    return timedelta(seconds=timezone.now().timestamp() - float(at))
