"""Bytes of mail into a `ParsedMessage`."""

# Raised with every change after which the same bytes say something else in the archive: messages
# read with a lower one are those that reading again is for.
VERSION = 2
