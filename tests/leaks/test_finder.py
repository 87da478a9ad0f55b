"""A search that finds nothing proves something only if it would have found it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.leaks.finder import ACCESS, FINDER, PASSWORD, REFRESH, dresses


@pytest.mark.parametrize(
    "dress",
    [
        str,
        repr,
        json.dumps,
        quote,
        lambda text: text.encode(),
        lambda text: f"a {text} b".encode().hex(),
        lambda text: b64encode(text.encode()),
        lambda text: b64encode(f"\0ada\0{text}".encode()),
        lambda text: b64encode(f"user=x\1auth=Bearer {text}\1\1".encode()),
        lambda text: b64encode(f"user=xy\1auth=Bearer {text}\1\1".encode()),
    ],
)
@pytest.mark.parametrize("text", [PASSWORD, REFRESH, ACCESS])
def test_a_secret_is_found_in_every_dress(text: str, dress: Callable[[str], str | bytes]) -> None:
    assert FINDER.names_in(dress(text))
    assert not FINDER.names_in(dress("something else entirely, of about that length"))
    assert all(len(each) > 20 for each in dresses(text))
