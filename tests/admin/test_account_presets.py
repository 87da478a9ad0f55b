"""Which provider an address belongs to, and what is said of it."""

from __future__ import annotations

import json

import pytest

from wagtail_mailarchive.admin.account_presets import PRESETS, preset_for, presets_for_script
from wagtail_mailarchive.models.account import Protocol


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("ada@gmail.com", "gmail"),
        ("ada@googlemail.com", "gmail"),
        ("ada@outlook.com", "microsoft"),
        ("ada@outlook.de", "microsoft"),
        ("ada@hotmail.co.uk", "microsoft"),
        ("ada@live.nl", "microsoft"),
        ("ada@msn.com", "microsoft"),
        ("ada@fastmail.fm", "fastmail"),
        ("ada@yahoo.com", "yahoo"),
        ("ada@yahoo.co.jp", "yahoo"),
        ("ada@icloud.com", "icloud"),
        ("ada@ME.com", "icloud"),
        ("ada@mac.com.", "icloud"),
        ("ada@example.org", "other"),
        ("ada@notgmail.com", "other"),
        ("ada@gmail.com.example.org", "other"),
        ("ada", "other"),
        ("", "other"),
    ],
)
def test_the_domain_tells_the_provider(address: str, slug: str) -> None:
    assert preset_for(address).slug == slug


def test_every_provider_says_what_has_to_be_done_there() -> None:
    assert [each.slug for each in PRESETS][-1] == "other"
    for preset in PRESETS:
        assert len(str(preset.advice)) > 40
        assert preset.hosts or preset.slug == "other"
        assert preset.slug == "other" or Protocol.IMAP in preset.hosts


def test_the_script_gets_them_as_json() -> None:
    told = json.loads(json.dumps(presets_for_script()))
    assert [each["slug"] for each in told] == [preset.slug for preset in PRESETS]
