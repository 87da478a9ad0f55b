"""What sort of file an attachment is."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.kinds import KINDS, kind_of
from wagtail_mailarchive.models import AttachmentKind


@pytest.mark.parametrize(
    ("content_type", "filename", "kind"),
    [
        ("application/pdf", "", "pdf"),
        ("application/octet-stream", "Report.PDF", "pdf"),
        ("image/x-anything", "", "image"),
        ("application/octet-stream", "photo.jpeg", "image"),
        ("text/plain", "notes", "document"),
        ("text/plain", "table.csv", "sheet"),
        ("text/calendar", "invite.ics", "calendar"),
        ("message/rfc822", "Re: x.eml", "message"),
        ("application/x-unknown", "a.tar.gz", "archive"),
        ("application/octet-stream", "", "other"),
        ("", ".", "other"),
    ],
)
def test_type_and_name_tell_the_kind(content_type: str, filename: str, kind: str) -> None:
    assert kind_of(content_type, filename) == kind


def test_every_kind_has_a_word() -> None:
    assert set(KINDS) == set(AttachmentKind.values)
