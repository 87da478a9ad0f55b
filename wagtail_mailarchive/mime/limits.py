"""How much of one message is looked at, and why.

Mail is written by strangers. Each limit is applied before the work it bounds, a message beyond one
is still read as far as the limit goes, and `ParsedMessage.defects` then names what was cut.
Measured on public corpora and our own mail, nothing honest comes near them.
"""

from __future__ import annotations

# A header block: list servers and filters write up to some 30 kB; beyond this nothing is read.
HEADER_BLOCK_BYTES = 1024 * 1024

# One header field, unfolded: a To of 2,000 recipients has about 100 kB.
FIELD_BYTES = 128 * 1024

# Parts of the MIME tree: each leaf becomes a row of the archive.
PARTS = 10_000

# Multiparts inside multiparts; mail programs stay below 8. Bodies are chosen recursively.
DEPTH = 64

# A delimiter line: RFC 2046 section 5.1.1 allows 70 characters; some programs write more.
DELIMITER_BYTES = 1_000

# Parameters of one Content-Type or Content-Disposition, RFC 2231 continuations counted singly.
PARAMETERS = 200

# Addresses of one kind (To, Cc, ...); the longest list met had 2,000.
ADDRESSES = 5_000

# Message-IDs of In-Reply-To or References.
MESSAGE_IDS = 1_000

# File names: most file systems take no more.
FILENAME_CHARACTERS = 255

# Names of types, charsets and Content-IDs are compared and stored, never shown whole.
TOKEN_CHARACTERS = 255

# Encoded bytes of a text part that are decoded for reading and indexing. The part itself is
# measured and hashed whole.
TEXT_PART_BYTES = 4 * 1024 * 1024

# Characters of `ParsedMessage.text`; a long book.
TEXT_CHARACTERS = 1_000_000

# Characters of HTML that are turned into text; large newsletters have 200,000.
HTML_CHARACTERS = 1_000_000

# Bytes decoded at a time, so that a 50 MB attachment is never held twice.
CHUNK_BYTES = 1024 * 1024

# The parser process (see process.py): address space besides the message, seconds for one message,
# and bytes of one answer (1,000,000 characters beyond the BMP take 12 bytes each in JSON, 10,000
# parts some 400 bytes each).
PROCESS_BYTES = 1024 * 1024 * 1024
PROCESS_SECONDS = 10.0
ANSWER_BYTES = 64 * 1024 * 1024
