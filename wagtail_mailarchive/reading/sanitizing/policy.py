"""What HTML mail may keep. The one policy: both engines and the tests read it from here.

It keeps what newsletters are laid out with (tables, `font`, `center`, inline styles) and nothing
that runs, loads by itself, asks for input, moves the reader elsewhere, or names things (`id`,
`name`, `class`). `<style>` elements go: their selectors could read the document, and filtering
them whole is a larger promise than inline declarations. The price is a newsletter's rules for
small screens; the frame scrolls instead.
"""

from __future__ import annotations

import re
from typing import Final

# Raise it with every change that alters output, here or in a neighbouring module: it is part of
# the key under which sanitised mail is cached, so that old mail is sanitised anew.
POLICY_VERSION: Final = 2


def words(text: str) -> frozenset[str]:
    """Return the words of `text`."""
    return frozenset(text.split())


# -- bounds, beyond which mail is shown as text --------------------------------------------------

MAX_CHARACTERS: Final = 2_000_000
MAX_TAGS: Final = 100_000
MAX_ATTRIBUTES_PER_TAG: Final = 500
MAX_DEPTH: Final = 400
MAX_ELEMENTS: Final = 30_000
# Elements with the same parent: for each that has children bleach looks through them all.
MAX_SIBLINGS: Final = 10_000
# "<" and "&" in what the engine is given; each costs bleach about 20 microseconds.
MAX_MARKS: Final = 100_000

# Characters of distinct `style` attributes that are read; later ones are dropped.
MAX_STYLE_CHARACTERS: Final = 100_000
MAX_TEXT_ATTRIBUTE_CHARACTERS: Final = 2_000
MAX_LINK_CHARACTERS: Final = 8_000

# -- elements ------------------------------------------------------------------------------------

TAGS: Final = words(
    """
    a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col
    colgroup dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i
    img ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span strike strong sub
    sup table tbody td tfoot th thead time tr tt u ul var wbr
    """
)

# Their content goes with them; of every other element outside of TAGS the content stays.
REMOVED_WITH_CONTENT: Final = words(
    """
    applet audio canvas datalist embed frameset head iframe map math noembed noframes noscript
    object option plaintext script select style svg template textarea title video xmp
    """
)

# -- attributes ----------------------------------------------------------------------------------

ATTRIBUTES_OF_ALL: Final = frozenset({"align", "dir", "lang", "role", "style", "title"})
ATTRIBUTES: Final = {
    "a": frozenset({"href", "rel", "target"}),
    "br": frozenset({"clear"}),
    "col": frozenset({"span", "valign", "width"}),
    "colgroup": frozenset({"span", "valign", "width"}),
    "font": frozenset({"color", "face", "size"}),
    "hr": frozenset({"color", "noshade", "size", "width"}),
    "img": frozenset({"alt", "border", "height", "hspace", "src", "vspace", "width"}),
    "li": frozenset({"type", "value"}),
    "ol": frozenset({"reversed", "start", "type"}),
    "table": frozenset(
        {
            "background",
            "bgcolor",
            "border",
            "cellpadding",
            "cellspacing",
            "height",
            "rules",
            "valign",
            "width",
        }
    ),
    "tbody": frozenset({"bgcolor", "valign"}),
    "td": frozenset(
        {
            "background",
            "bgcolor",
            "colspan",
            "height",
            "nowrap",
            "rowspan",
            "scope",
            "valign",
            "width",
        }
    ),
    "tfoot": frozenset({"bgcolor", "valign"}),
    "thead": frozenset({"bgcolor", "valign"}),
    "tr": frozenset({"background", "bgcolor", "height", "valign"}),
    "ul": frozenset({"type"}),
}
ATTRIBUTES["th"] = ATTRIBUTES["td"]

_LENGTH = re.compile(r"[+-]?\d{1,5}(\.\d{1,5})?(%|px|pt|em|\*)?")
_NUMBER = re.compile(r"[+-]?\d{1,4}")
_WORD = re.compile(r"[A-Za-z][A-Za-z-]{0,19}")
_COLOR = re.compile(r"#?[0-9A-Za-z]{1,30}")

# The whole of an attribute's value, white space around it taken off, has to match.
ATTRIBUTE_PATTERNS: Final = {
    "align": _WORD,
    "bgcolor": _COLOR,
    "border": _LENGTH,
    "cellpadding": _LENGTH,
    "cellspacing": _LENGTH,
    "clear": _WORD,
    "color": _COLOR,
    "colspan": _NUMBER,
    "dir": re.compile(r"ltr|rtl|auto", re.IGNORECASE),
    "face": re.compile(r"[\w ,.'\"-]{1,200}"),
    "height": _LENGTH,
    "hspace": _LENGTH,
    "lang": re.compile(r"[A-Za-z0-9-]{1,35}"),
    "role": re.compile(r"presentation|none|heading|list|listitem", re.IGNORECASE),
    "rowspan": _NUMBER,
    "rules": _WORD,
    "scope": _WORD,
    "size": _NUMBER,
    "span": _NUMBER,
    "start": _NUMBER,
    "type": re.compile(r"[1aAiI]|disc|circle|square|decimal", re.IGNORECASE),
    "valign": _WORD,
    "value": _NUMBER,
    "vspace": _LENGTH,
    "width": _LENGTH,
}
BOOLEAN_ATTRIBUTES: Final = frozenset({"noshade", "nowrap", "reversed"})
TEXT_ATTRIBUTES: Final = frozenset({"alt", "title"})
IMAGE_ATTRIBUTES: Final = frozenset({"background", "src"})

LINK_TARGET: Final = "_blank"
LINK_REL: Final = "noopener noreferrer nofollow"

# -- addresses -----------------------------------------------------------------------------------

LINK_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
# What the engines let pass before they ask whether the address is one that we wrote.
ENGINE_SCHEMES: Final = LINK_SCHEMES | {"data"}
# Raster images only: SVG is a document.
DATA_IMAGE: Final = re.compile(
    r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/]{1,1400000}={0,2}", re.IGNORECASE
)

# -- styles --------------------------------------------------------------------------------------

# No `position`, `z-index`, `transform`, `animation`, `cursor`, `content`, `behavior`, `filter`.
STYLE_PROPERTIES: Final = words(
    """
    background background-color background-image background-position background-repeat
    background-size
    border border-bottom border-bottom-color border-bottom-left-radius border-bottom-right-radius
    border-bottom-style border-bottom-width border-collapse border-color border-left
    border-left-color border-left-style border-left-width border-radius border-right
    border-right-color border-right-style border-right-width border-spacing border-style border-top
    border-top-color border-top-left-radius border-top-right-radius border-top-style
    border-top-width border-width box-shadow box-sizing
    caption-side clear color direction display empty-cells float
    font font-family font-size font-stretch font-style font-variant font-weight
    height letter-spacing line-height list-style list-style-image list-style-position
    list-style-type
    margin margin-bottom margin-left margin-right margin-top max-height max-width min-height
    min-width object-fit opacity outline outline-color outline-style outline-width overflow
    overflow-wrap overflow-x overflow-y
    padding padding-bottom padding-left padding-right padding-top
    table-layout text-align text-decoration text-decoration-color text-decoration-line
    text-decoration-style text-indent text-overflow text-shadow text-transform
    unicode-bidi vertical-align visibility white-space width word-break word-spacing word-wrap
    """
)
STYLE_PROPERTIES_WITH_IMAGE: Final = frozenset(
    {"background", "background-image", "list-style", "list-style-image"}
)
# Neither var(), attr(), env(), image-set(), cross-fade(), element() nor expression().
STYLE_FUNCTIONS: Final = frozenset(
    {"calc", "hsl", "hsla", "linear-gradient", "radial-gradient", "rgb", "rgba"}
)
MAX_STYLE_NESTING: Final = 4
