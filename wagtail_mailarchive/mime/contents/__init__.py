"""Bytes of an attachment into text and a small picture; all of it in a limited process."""

# Raised with every change after which the same bytes say something else, as `mime.VERSION` is.
VERSION = 1
