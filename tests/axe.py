"""axe-core for browser tests: what of a page people with disabilities could not use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

# Wagtail's own furniture around our screens is not ours to mend.
_NOT_OURS = ("#wagtail-sidebar", "[data-wagtail-userbar]", "w-userbar", "wagtail-userbar")

# What fades in has too little contrast on the way, and not every animation comes to its end: those
# of a tab in the background stand still. So there are none. No policy forbids such a sheet.
_STILL = """() => {
    const still = new CSSStyleSheet();
    still.replaceSync(
        "*, ::before, ::after { animation: none !important; transition: none !important }"
    );
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
}"""

Violations = Callable[..., list[str]]


def _script() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    given = os.environ.get("AXE_CORE")
    return Path(given) if given else cache / "wagtail-mailarchive" / "axe.min.js"


@pytest.fixture(scope="session")
def axe() -> Violations:
    """`axe(tab)` returns what is wrong with the page, one line each; `within` narrows it down.

    Fails, saying what to do, where there is no axe-core.
    """
    script = _script()
    if not script.is_file():
        pytest.fail(f"axe-core is needed at {script}: scripts/axe.sh fetches it", pytrace=False)
    source = script.read_text(encoding="utf-8")

    def violations(tab: Page, within: str = "") -> list[str]:
        tab.evaluate(source)
        tab.evaluate(_STILL)
        context: dict[str, Any] = {"exclude": [[each] for each in _NOT_OURS]}
        if within:
            context["include"] = [[within]]
        # Of what is right one example each, which takes less than half of the time.
        options = {"resultTypes": ["violations"]}
        result = tab.evaluate("given => axe.run(...given)", [context, options])
        return [
            f"{found['id']}: {found['help']}: {node['html'][:200]}"
            for found in result["violations"]
            for node in found["nodes"]
        ]

    return violations
