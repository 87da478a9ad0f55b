"""From bytes and a charset's name to text, whatever the name says.

Only *text* codecs are reachable: Python also registers codecs that decompress, that evaluate
escapes or that take quadratic time (zlib, unicode_escape, idna, punycode), and a sender chooses
the name.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_NAME = re.compile(r"[^a-z0-9]+")
_BELOW_LEAD_BYTES = bytes(range(0xC2))

# codec -> names seen in mail, besides the codec's own. As browsers do (WHATWG Encoding Standard),
# the Windows superset stands in for charsets that mail programs label too narrowly.
_NAMES = {
    "utf-8": "utf8 utf-8-sig unicode-1-1-utf-8 unicode utf8mb4 cp65001 utf-8-mac",
    "utf-7": "utf7 unicode-1-1-utf-7 unicode-2-0-utf-7 csunicode11utf7 cp65000",
    "utf-16": "utf16 ucs-2 iso-10646-ucs-2 csunicode",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "utf-32": "utf32 ucs-4 iso-10646-ucs-4",
    "utf-32-le": "utf-32le",
    "utf-32-be": "utf-32be",
    "cp1252": "windows-1252 x-cp1252 iso-8859-1 iso8859-1 8859-1 latin1 latin-1 l1 iso-ir-100 "
    "cp819 ibm819 x-ansi ansi iso-8859-1-windows-3.1-latin-1 iso-8859-1-windows-3.0-latin-1",
    "ascii": "us-ascii usascii ansi-x3.4-1968 ansi-x3.4-1986 iso-ir-6 iso646-us iso-646.irv-1991 "
    "us csascii 646 7bit x-us-ascii unknown-7bit",
    "iso-8859-2": "latin2 latin-2 l2 iso-ir-101 csisolatin2",
    "iso-8859-3": "latin3 latin-3 l3 iso-ir-109 csisolatin3",
    "iso-8859-4": "latin4 latin-4 l4 iso-ir-110 csisolatin4",
    "iso-8859-5": "cyrillic iso-ir-144 csisolatincyrillic",
    "iso-8859-6": "arabic iso-8859-6-e iso-8859-6-i ecma-114 asmo-708 iso-ir-127 csisolatinarabic",
    "iso-8859-7": "greek greek8 elot-928 ecma-118 iso-ir-126 sun-eu-greek csisolatingreek",
    "iso-8859-8": "hebrew iso-8859-8-e iso-8859-8-i logical visual iso-ir-138 csisolatinhebrew "
    "dos-862-visual",
    "cp1254": "windows-1254 iso-8859-9 iso8859-9 latin5 latin-5 l5 iso-ir-148 csisolatin5 "
    "x-cp1254",
    "iso-8859-10": "latin6 latin-6 l6 iso-ir-157 csisolatin6",
    "cp874": "windows-874 x-windows-874 dos-874 tis-620 iso-8859-11 tis620 thai",
    "iso-8859-13": "latin7 latin-7 l7",
    "iso-8859-14": "latin8 latin-8 l8 iso-celtic iso-ir-199",
    "iso-8859-15": "latin9 latin-9 l9 iso8859-15 csisolatin9",
    "iso-8859-16": "latin10 latin-10 l10 iso-ir-226",
    "cp1250": "windows-1250 x-cp1250",
    "cp1251": "windows-1251 x-cp1251 win-1251",
    "cp1253": "windows-1253 x-cp1253",
    "cp1255": "windows-1255 x-cp1255",
    "cp1256": "windows-1256 x-cp1256",
    "cp1257": "windows-1257 x-cp1257",
    "cp1258": "windows-1258 x-cp1258",
    "koi8-r": "koi8 koi8r koi cskoi8r",
    "koi8-u": "koi8u koi8-ru",
    "koi8-t": "koi8t",
    "kz1048": "strk1048-2002 rk1048",
    "mac-roman": "macintosh mac x-mac-roman csmacintosh apple-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "mac-greek": "x-mac-greek",
    "mac-latin2": "x-mac-ce mac-centraleurope x-mac-centraleurroman",
    "mac-turkish": "x-mac-turkish",
    "mac-iceland": "x-mac-icelandic",
    "cp437": "ibm437 dos-437 cspc8codepage437",
    "cp720": "dos-720",
    "cp737": "ibm737 dos-737",
    "cp775": "ibm775",
    "cp850": "ibm850 dos-850 cspc850multilingual",
    "cp852": "ibm852",
    "cp855": "ibm855",
    "cp857": "ibm857",
    "cp858": "ibm858 ibm00858",
    "cp860": "ibm860",
    "cp861": "ibm861",
    "cp862": "ibm862 dos-862",
    "cp863": "ibm863",
    "cp864": "ibm864",
    "cp865": "ibm865",
    "cp866": "ibm866 dos-866 csibm866",
    "cp869": "ibm869",
    "cp1125": "ibm1125 cp866u",
    "ptcp154": "pt154 cyrillic-asian csptcp154",
    "hp-roman8": "roman8 r8 cshproman8",
    "gb18030": "gb2312 gbk gb-2312-80 gb-2312 cp936 ms936 windows-936 x-gbk euc-cn euccn chinese "
    "csgb2312 csiso58gb231280 iso-ir-58 x-euc-cn gb18030-2000 gb",
    "hz": "hz-gb-2312 hzgb",
    "big5hkscs": "big5 big5-hkscs big-5 cn-big5 x-x-big5 csbig5 cp950 ms950 big5-tw x-big5",
    "cp932": "shift-jis shift_jis sjis x-sjis s-jis ms-kanji ms932 windows-31j windows-932 "
    "csshiftjis cswindows31j x-ms-cp932",
    "euc_jp": "euc-jp eucjp x-euc-jp x-euc ujis cseucpkdfmtjapanese",
    "iso2022_jp_ext": "iso-2022-jp iso-2022-jp-1 iso-2022-jp-3 csiso2022jp jis x-jis",
    "iso2022_jp_2": "iso-2022-jp-2 csiso2022jp2",
    "cp949": "ks-c-5601-1987 ks-c-5601-1989 ks-c-5601 ksc5601 ksc-5601 ks-x-1001 euc-kr euckr "
    "korean uhc windows-949 ms949 cseuckr csksc56011987 iso-ir-149 x-windows-949",
    "iso2022_kr": "iso-2022-kr csiso2022kr",
    "johab": "cp1361 ms1361",
}  # fmt: skip


def _plain(name: str) -> str:
    return _NOT_NAME.sub("", name.lower())


def _table() -> dict[str, str]:
    table = {}
    for codec, names in _NAMES.items():
        for name in (codec, *names.split()):
            table[_plain(name)] = codec
    return table


_CODECS = _table()


@lru_cache(256)
def codec_for(charset: str) -> str:
    """Return the Python codec for a charset's name as mail writes it; "" if unknown or unsafe."""
    # "iso-8859-1;format=flowed", "'utf-8'" and "cp-850" are all met in the wild; RFC 2231 adds a
    # language ("utf-8*en").
    name = _plain(charset.split("*", 1)[0].split(";", 1)[0])
    return _CODECS.get(name) or _CODECS.get(name.removeprefix("charset"), "")


def decode(data: bytes, charset: str = "") -> str:
    """Return `data` as text in `charset`, or in what it seems to be; never raises.

    The result holds no lone surrogate and no byte order mark at its start. An undecodable byte
    becomes U+FFFD.
    """
    codec = codec_for(charset)
    if data.isascii() and codec in _ASCII_SUPERSETS:
        return data.decode("ascii")
    if codec in ("utf-8", "ascii", ""):
        return _guess(data, prefer_utf8=codec == "utf-8").removeprefix("\ufeff")
    if codec in ("utf-16", "utf-32"):
        codec = _with_byte_order(data, codec)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        text = _mislabelled(data, codec)
    if _LONE_SURROGATE.search(text):  # only utf-7 gets here
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.removeprefix("\ufeff")


def _with_byte_order(data: bytes, codec: str) -> str:
    """RFC 2781 section 4.3: without a mark it is big-endian; Python would take the machine's."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\x00\x00\xfe\xff":
        return codec
    return codec + "-be"


def _mislabelled(data: bytes, codec: str) -> str:
    if b"\0" not in data:  # else it is UTF-16 or UTF-32, with something broken in it
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8")
    return data.decode(codec, "replace")


def _guess(data: bytes, *, prefer_utf8: bool = False) -> str:
    """UTF-8, even if a few sequences are broken, else Windows-1252."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    # Each well-formed sequence turns 2 to 4 bytes into one character; each byte that is not part
    # of one becomes one U+FFFD. Text cut in the middle of a character is still UTF-8.
    well_formed = len(data.translate(None, _BELOW_LEAD_BYTES)) - broken
    if well_formed > broken or (prefer_utf8 and well_formed > 0):
        return text
    return data.decode("cp1252", "replace")


_ASCII_SUPERSETS = frozenset(
    codec
    for codec in {"", *_CODECS.values()}
    if not codec.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz", "cp864"))
)
