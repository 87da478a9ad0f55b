"""Page types of the test site."""

from wagtail.models import Page


class WorkspacePage(Page):
    """May hold email folders."""


class PersonalPage(Page):
    """May not."""
