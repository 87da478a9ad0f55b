"""How much of one attachment is looked at, and why; as `mime.limits` for messages.

Each limit is applied before the work it bounds.
"""

from __future__ import annotations

# Encoded bytes of an attachment; what is larger is said to be too large and not read.
ENCODED_BYTES = 96 * 1024 * 1024

# Characters of text that are kept and searched; some hundred pages.
TEXT_CHARACTERS = 200_000

# Bytes of a text file that are decoded for them; four bytes a character and room for markup.
TEXT_BYTES = 4 * 1024 * 1024

# Pages of a PDF.
PAGES = 2_000

# Members of an office document, and bytes they unpack to: zip bombs are a thousand times as large.
MEMBERS = 5_000
UNPACKED_BYTES = 128 * 1024 * 1024

# Elements within elements of its XML.
XML_DEPTH = 256

# Messages attached to messages attached to messages.
MESSAGE_DEPTH = 3
MESSAGE_PARTS = 50

# Pixels of an image, counted before it is decoded; four bytes each. Cameras stay below.
PIXELS = 64_000_000

# A picture: pixels along its longer side, and bytes.
PICTURE_SIDE = 320
PICTURE_BYTES = 256 * 1024

# The process: address space besides four times the attachment, and seconds for one.
PROCESS_BYTES = 1024 * 1024 * 1024
PROCESS_SECONDS = 10.0
