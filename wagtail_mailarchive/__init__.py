"""An archive of mail as Wagtail pages."""

__version__ = "0.1.0"
