"""The document that shows sanitised mail in its frame, and the headers that fence it in.

The headers alone would hold if the sanitiser let everything through, and the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final, Literal

# For the `sandbox` attribute of the frame; the header repeats it, in case the document is opened
# outside of its frame. Links open in new windows, which are not sandboxed.
FRAME_SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"

# Of what we put into sanitised mail, which keeps no class of its own.
FOLD_CLASS: Final = "mailarchive-fold"
PLACE_CLASS: Final = "mailarchive-place"
MARK_CLASS: Final = "mailarchive-mark"
REFERENCE_CLASS: Final = "mailarchive-ref"

# Mail is written for white paper: dark text without a background of its own would vanish on a
# dark page, so that the frame stays light in dark mode too.
_BASE_STYLE: Final = f"""
:root {{ color-scheme: light; }}
html {{ background: #fff; color: #1a1a1a; }}
body {{
  margin: 0; padding: 12px; overflow-x: auto; overflow-wrap: break-word;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}}
img {{ max-width: 100%; }}
img:not([height]) {{ height: auto; }}
img:not([src])[alt]:not([alt=""]) {{
  display: inline-block; box-sizing: border-box; overflow: hidden; padding: 2px 4px;
  border: 1px dashed #8a8a8a; background: #f4f4f4; color: #444;
}}
table {{ max-width: 100%; }}
pre {{ white-space: pre-wrap; }}
@media (max-width: 640px) {{
  /* Newsletters are 600 px wide by habit; on a phone fixed widths give way. An image left out is
     text to the layout, which does not shrink it with its cell. */
  body {{ padding: 8px; }}
  table[width], table[style] {{ width: 100% !important; }}
  td[width], th[width] {{ width: auto !important; }}
  img {{ max-width: 100% !important; height: auto !important; }}
  img:not([src]) {{ max-width: calc(100vw - 80px) !important; }}
}}
blockquote {{ margin: 0.5em 0; padding-inline-start: 0.75em; border-inline-start: 2px solid #bbb; }}
.{FOLD_CLASS} {{ margin: 0.75em 0; }}
.{FOLD_CLASS} > summary {{
  width: fit-content; padding: 2px 10px; border: 1px solid #767676; border-radius: 999px;
  background: #f4f4f4; color: #333; cursor: pointer;
  font: 13px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}}
.{FOLD_CLASS}[open] > summary {{ margin-bottom: 0.5em; }}
.{FOLD_CLASS} > summary:focus-visible {{ outline: 3px solid #0b5c6b; outline-offset: 2px; }}
.{PLACE_CLASS} {{
  display: inline !important; visibility: visible !important; margin-inline-start: 0.35em;
  padding: 0 4px; border: 1px solid #a4480e; border-radius: 3px; background: #fbeee4;
  color: #7a3408; direction: ltr; unicode-bidi: isolate;
  font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace;
}}
.{MARK_CLASS} {{ background: #fff1b8; color: #1a1a1a; border-bottom: 2px solid #8a6400; }}
.{REFERENCE_CLASS} {{
  padding: 0 4px; border-radius: 3px; background: #1a1a1a; color: #fff;
  font: 600 11px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}}
@media print {{
  .{FOLD_CLASS} > summary {{ display: none; }}
  .{FOLD_CLASS}::details-content {{ display: block; content-visibility: visible; height: auto; }}
}}
"""

_HINTS: Final = re.compile(r"<(?=link|iframe)", re.IGNORECASE | re.ASCII)
_SOURCE: Final = re.compile(r"https?://[^\s;,'\"]+")


def document(
    sanitized_html: str,
    *,
    title: str = "",
    lang: str = "",
    direction: Literal["ltr", "rtl", "auto"] = "auto",
) -> str:
    """Return a whole HTML document around the output of `sanitizing.sanitize`.

    Args:
        title: for screen readers and for the document opened on its own.
        lang: BCP 47 tag of the mail's language; "" if it is not known.
        direction: of text that does not say its own.
    """
    language = f' lang="{escape(lang)}"' if lang else ""
    return (
        f'<!DOCTYPE html>\n<html{language}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{_BASE_STYLE}</style>\n</head>\n"
        f'<body dir="{direction}">{without_hints(sanitized_html)}</body>\n</html>\n'
    )


def without_hints(html: str) -> str:
    """Return `html` with the tags turned into text that could tell a browser to connect ahead.

    No header stops `<link rel=preconnect>` and `<link rel=dns-prefetch>` in Chromium: CSP does not
    cover them, and Connection-Allowlist would stop the reader's clicks on links, too. A host name
    looked up is enough to tell a sender who has opened a mail. A frame's `srcdoc` could hold the
    same tag escaped. Nothing that is sanitised has either.
    """
    return _HINTS.sub("&lt;", html)


def frame_headers(image_sources: Iterable[str], *, remote_images: bool = False) -> dict[str, str]:
    """Return the headers of the response that carries `document`; the caller adds Content-Type.

    Args:
        image_sources: where inline images may come from: absolute and as narrow as can be, e.g.
            "https://wiki.example.org/mail/7/inline/".
        remote_images: the reader has chosen to load images from anywhere.

    Raises:
        ValueError: a source could end the directive or the header.
    """
    images = []
    for source in image_sources:
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"Not a source for img-src: {source!r}")
        images.append(source)
    images.append("data:")
    if remote_images:
        images += ["https:", "http:"]
    policy = (
        "default-src 'none'",
        f"img-src {' '.join(images)}",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        f"sandbox {FRAME_SANDBOX}",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        # Firefox looks up the hosts of links ahead, where this does not tell it not to.
        "X-DNS-Prefetch-Control": "off",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }
