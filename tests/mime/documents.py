"""Files as people attach them, made here: PDF, office documents, images."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image

ENCRYPTED = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{0}> /U <{0}> >> /ID [<00> <00>]"


def pdf(*pages: str, trailer: str = "") -> bytes:
    """A PDF of A4 pages with a line of text each."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        ]
    sink = io.BytesIO(b"%PDF-1.4\n")
    sink.seek(0, io.SEEK_END)
    places = []
    for number, each in enumerate(objects, 1):
        places.append(sink.tell())
        sink.write(f"{number} 0 obj\n{each}\nendobj\n".encode())
    begin = sink.tell()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    sink.write(f"xref\n0 {count}\n0000000000 65535 f \n{table}".encode())
    sink.write(f"trailer << /Size {count} /Root 1 0 R {trailer} >>\n".encode())
    sink.write(f"startxref\n{begin}\n%%EOF\n".encode())
    return sink.getvalue()


def encrypted_pdf() -> bytes:
    return pdf("Secret", trailer=ENCRYPTED.format("5a" * 32))


def packed(**members: str | bytes) -> bytes:
    """A zip file; in the names "__" stands for "/" and "_xml" for ".xml"."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return sink.getvalue()


def docx(*paragraphs: str, **members: str) -> bytes:
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = "".join(f"<w:p><w:r><w:t>{each}</w:t></w:r></w:p>" for each in paragraphs)
    document = f"<?xml version='1.0'?><w:document {space}><w:body>{body}</w:body></w:document>"
    return packed(word__document_xml=document, **members)


def pptx(*slides: str) -> bytes:
    space = 'xmlns:a="a" xmlns:p="p"'
    members = {
        f"ppt__slides__slide{number}_xml": f"<p:sld {space}><a:p><a:r><a:t>{each}</a:t></a:r></a:p>"
        "</p:sld>"
        for number, each in enumerate(slides, 1)
    }
    return packed(ppt__presentation_xml="<p/>", **members)


def xlsx(strings: list[str], rows: list[list[str]]) -> bytes:
    """A sheet; a cell "#0" is the first of `strings`, any other stands for itself."""
    shared = "".join(f"<si><t>{each}</t></si>" for each in strings)

    def cell(value: str) -> str:
        if value.startswith("#"):
            return f'<c t="s"><v>{value[1:]}</v></c>'
        if value.isdecimal():
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    return packed(
        xl__workbook_xml="<workbook/>",
        xl__sharedStrings_xml=f"<sst>{shared}</sst>",
        xl__worksheets__sheet1_xml=f"<worksheet><sheetData>{lines}</sheetData></worksheet>",
    )


def odt(*paragraphs: str, manifest: str = "<manifest/>") -> bytes:
    body = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    return packed(
        mimetype="application/vnd.oasis.opendocument.text",
        content_xml=f'<office:body xmlns:office="o" xmlns:text="t">{body}</office:body>',
        **{"META-INF__manifest_xml": manifest},
    )


def image(kind: str = "PNG", size: tuple[int, int] = (640, 480), **options: object) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", size, (20, 90, 110)).save(sink, kind, **options)
    return sink.getvalue()


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A few bytes that say they are an image of any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
