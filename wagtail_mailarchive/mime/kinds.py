"""What sort of file an attachment is, for lists: by its type, else by its name's extension.

Only what the sender says is looked at. What a file really is, `contents` finds out.
"""

from __future__ import annotations

KINDS = (
    "image", "pdf", "document", "sheet", "slides", "archive", "audio", "video", "message",
    "calendar", "other",
)  # fmt: skip

_MAJOR = {
    "image": "image", "audio": "audio", "video": "video", "message": "message", "text": "document",
}  # fmt: skip
_TYPES = {
    "application/pdf": "pdf",
    "application/msword": "document",
    "application/rtf": "document",
    "application/vnd.oasis.opendocument.text": "document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document",
    "application/vnd.ms-excel": "sheet",
    "application/vnd.oasis.opendocument.spreadsheet": "sheet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "sheet",
    "text/csv": "sheet",
    "application/vnd.ms-powerpoint": "slides",
    "application/vnd.oasis.opendocument.presentation": "slides",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "slides",
    "application/zip": "archive",
    "application/x-zip-compressed": "archive",
    "application/gzip": "archive",
    "application/x-7z-compressed": "archive",
    "application/x-tar": "archive",
    "text/calendar": "calendar",
    "application/ics": "calendar",
}
_EXTENSIONS = {
    extension: kind
    for kind, extensions in {
        "image": "avif bmp gif heic heif jpeg jpg png svg tif tiff webp",
        "pdf": "pdf",
        "document": "doc docx htm html log md odt rtf txt",
        "sheet": "csv ods tsv xls xlsm xlsx",
        "slides": "odp ppt pptx",
        "archive": "7z bz2 gz rar tar tgz xz zip",
        "audio": "aac flac m4a mp3 oga ogg opus wav",
        "video": "avi m4v mkv mov mp4 mpeg mpg webm",
        "message": "eml msg",
        "calendar": "ics",
    }.items()
    for extension in extensions.split()
}


def kind_of(content_type: str, filename: str) -> str:
    """Return the kind of a file, one of `KINDS`.

    Args:
        content_type: in lower case, e.g. "application/pdf".
    """
    if known := _TYPES.get(content_type):
        return known
    # A type that says nothing, and text/plain for what the mail program did not know.
    extension = filename.rpartition(".")[2].lower()
    if named := _EXTENSIONS.get(extension):
        return named
    return _MAJOR.get(content_type.partition("/")[0], "other")


def is_inline(kind: str, content_id: str, disposition: str) -> bool:
    """Whether an attachment is an image that the text shows where it stands (RFC 2392)."""
    return kind == "image" and bool(content_id) and disposition != "attachment"
