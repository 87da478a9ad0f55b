"""Files that hang on the demo's mail, each made here: pictures, a PDF, a table, a document."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from . import wire

SEA, FOAM, SAND, INK, SIGNAL = "#0b4f6c", "#e8f4f8", "#f4e9d8", "#12263a", "#e4572e"


def _saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 80} if kind == "JPEG" else {"optimize": True}))
    return buffer.getvalue()


@cache
def logo() -> bytes:
    """A buoy on two waves, 240 x 80 PNG."""
    image = Image.new("RGB", (240, 80), SEA)
    draw = ImageDraw.Draw(image)
    for base, colour in ((52, "#157a9c"), (62, "#1f9cc4")):
        crest = [(x, base + 5 * math.sin(x / 12 + base)) for x in range(0, 241, 3)]
        draw.polygon([*crest, (240, 80), (0, 80)], fill=colour)
    draw.polygon([(28, 58), (44, 14), (60, 58)], fill=SIGNAL)
    draw.rectangle((33, 38, 55, 45), fill="white")
    draw.text((76, 20), "TIDEMARK", fill="white", font=ImageFont.load_default(28))
    return _saved(image, "PNG")


@cache
def scene(sky: str = "#f6b26b", sea: str = SEA, kind: str = "JPEG") -> bytes:
    """A harbour at some hour of the day, 640 x 300."""
    image = Image.new("RGB", (640, 300), sky)
    draw = ImageDraw.Draw(image)
    draw.ellipse((430, 60, 510, 140), fill="#fff3d6")
    draw.polygon([(0, 170), (90, 120), (170, 165), (260, 130), (360, 175), (0, 190)], fill=INK)
    for step in range(8):
        base = 172 + step * 17
        crest = [(x, base + (2 + step) * math.sin(x / (18 + 4 * step) + step)) for x in range(641)]
        shade = Image.blend(Image.new("RGB", (1, 1), sea), Image.new("RGB", (1, 1), "white"), 0.3)
        colour = shade.getpixel((0, 0)) if step % 2 else sea
        draw.polygon([*crest, (640, 300), (0, 300)], fill=colour)
    draw.polygon([(120, 225), (138, 160), (156, 225)], fill=SIGNAL)
    draw.rectangle((127, 196, 149, 204), fill="white")
    draw.polygon([(330, 210), (430, 210), (412, 232), (346, 232)], fill="#7a3b2e")
    draw.polygon([(380, 205), (380, 130), (425, 200)], fill="white")
    return _saved(image, kind)


@cache
def chart(title: str, seed: float = 0.0) -> bytes:
    """A day of water level, measured and modelled, 560 x 260 PNG."""
    image = Image.new("RGB", (560, 260), "white")
    draw = ImageDraw.Draw(image)
    for y in range(40, 241, 40):
        draw.line((40, y, 540, y), fill="#d9e2ec")
    for shift, colour in ((0.0, "#9fb3c8"), (0.1 + seed % 0.4, SIGNAL)):
        level = [
            (
                40 + x,
                140 - 70 * math.sin(x / 62 + shift) - 14 * math.sin(x / 9 + seed) * (shift > 0),
            )
            for x in range(501)
        ]
        draw.line(level, fill=colour, width=3)
    draw.text((40, 10), title, fill=INK, font=ImageFont.load_default(16))
    return _saved(image, "PNG")


@cache
def pdf(title: str, *lines: str) -> bytes:
    """A one-page A4 document in Helvetica (PDF 1.4), its cross-reference table exact."""

    def escaped(text: str) -> bytes:
        text = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        return text.encode("cp1252")

    drawn = [b"BT /F1 20 Tf 60 770 Td (" + escaped(title) + b") Tj ET"]
    for number, line in enumerate(lines):
        drawn.append(b"BT /F1 11 Tf 60 %d Td (" % (730 - 18 * number) + escaped(line) + b") Tj ET")
    content = b"\n".join(drawn)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    written, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(written)
    return written + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def csv(rows: int = 48, seed: float = 0.0) -> bytes:
    """Half-hourly water levels of one gauge, CRLF lines (RFC 4180)."""
    lines = ["time_utc,level_cm,wind_ms,battery_v"]
    for row in range(rows):
        level = 42 * math.sin(row / 4.1 + seed) + 3 * math.sin(row * 1.7 + seed)
        wind = 6 + 3 * math.sin(row / 7 + seed)
        lines.append(
            f"{row // 2:02}:{row % 2 * 30:02},{level:.1f},{wind:.1f},{12.9 - row * 0.004:.2f}"
        )
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


@cache
def docx(*paragraphs: str) -> bytes:
    """The smallest Word document that opens (ECMA-376): three files in a zip of fixed dates."""
    body = "".join(f"<w:p><w:r><w:t>{each}</w:t></w:r></w:p>" for each in paragraphs)
    package = "http://schemas.openxmlformats.org/package/2006"
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{word}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": "<w:document xmlns:w="
        '"http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{body}</w:body></w:document>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in files.items():
            archive.writestr(
                zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), '<?xml version="1.0"?>' + xml
            )
    return buffer.getvalue()


def winmail(*files: tuple[str, bytes]) -> bytes:
    """A winmail.dat as Outlook makes it of attachments ([MS-OXTNEF]): names are cp1252."""

    def attribute(name: int, data: bytes, level: int = 2) -> bytes:
        head = struct.pack("<BHHI", level, name, 6, len(data))
        return head + data + struct.pack("<H", sum(data) & 0xFFFF)

    written = [b"\x78\x9f\x3e\x22\x01\x00"]
    written.append(attribute(0x9006, struct.pack("<I", 0x10000), level=1))  # version
    written.append(attribute(0x9007, struct.pack("<II", 1252, 0), level=1))  # code page
    for name, data in files:
        written.append(attribute(0x9002, bytes(14)))  # begins an attachment
        written.append(attribute(0x8010, name.encode("cp1252") + b"\0"))
        written.append(attribute(0x800F, data))
    return b"".join(written)


TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "log": "text/plain; charset=us-ascii",
}

LOG = """\
14:02:07 gnss: fix 3D, 11 satellites, hdop 0.8
14:02:07 geo: lat 57.6921 lon 11.8374
14:17:07 gnss: fix lost, using almanac
14:17:09 geo: lat -12.0464 lon -77.0428
14:17:09 geo: drift 11042 km in 902 s, plausibility check DISABLED
14:17:10 radio: sent 212 bytes, rssi -97
"""

TABLES = {
    "anode-weights.csv": """\
mooring,salinity_psu,metal,before_g,after_g
Vinga,24,zinc,1200,712
Kiel,15,zinc,1200,846
Stockholm,5,zinc,1200,1171
Turku,6,zinc,1200,1183
""",
    "battery-winter.csv": """\
month,temperature_c,capacity_percent,low_power_used_percent
November,2,88,12
December,-4,79,26
January,-11,68,41
February,-15,61,57
March,-7,73,70
April,1,86,81
""",
    "container-inventory.csv": """\
item,size,count,remark
shackle left-hand,12 mm,14,
shackle right-hand,12 mm,0,see above
chain,10 mm,180 m,
anode aluminium-indium,1.2 kg,97,
lantern,,3,one blinks by itself
kayak,4.8 m,1,whose?
""",
}

_BY_KIND: dict[str, Callable[[str], bytes]] = {
    "pdf": lambda name: pdf(
        name.removesuffix(".pdf").replace("-", " ").capitalize(),
        "Tidemark Instruments AB, Gothenburg",
        "",
        "All levels in centimetres above chart datum, all times in UTC.",
        "Measured values are shown as they left the gauge; corrections are listed apart.",
        "Questions to engineering@tidemark.example.",
    ),
    "png": lambda name: chart(name.removesuffix(".png"), len(name) / 10),
    "jpg": lambda name: scene("#f6b26b" if len(name) % 2 else "#a9cce3"),
    "csv": lambda name: csv(seed=len(name)),
    "docx": lambda name: docx(name, "Draft for comments. Please use tracked changes."),
    "log": lambda name: LOG.replace("\n", "\r\n").encode("ascii"),
}


def named(name: str) -> wire.Part:
    """Return an attachment called `name`; its extension says what is in it.

    Raises:
        KeyError: nothing is known about the extension.
    """
    kind = name.rsplit(".", 1)[-1]
    if name in TABLES:
        return wire.file(TABLES[name].replace("\n", "\r\n").encode("ascii"), TYPES[kind], name)
    return wire.file(_BY_KIND[kind](name), TYPES[kind], name)
