"""System checks: what is wrong with the site's settings, with the block to paste.

Importing this package registers them. docs/reference/checks.md lists all.
"""

from . import archive, durability, oauth, queue, search, site

__all__ = ["archive", "durability", "oauth", "queue", "search", "site"]
