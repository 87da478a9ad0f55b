"""What is sent as a note: checked."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from ..models.annotation import MAX_NOTE


class NoteForm(forms.Form):
    """What is sent as a note or a reply.

    Line ends come as CRLF from browsers and are kept as the text has them.
    """

    note = forms.CharField(
        max_length=MAX_NOTE,
        error_messages={"required": gettext_lazy("Write something before you save it.")},
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__({"note": request.POST.get("note", "").replace("\r\n", "\n")})

    def problems(self) -> list[str]:
        """Return what is wrong with it, in sentences."""
        return [str(each) for errors in self.errors.values() for each in errors]
