"""Page types of the test site."""

from wagtail.models import Page


class WorkspacePage(Page):
    """May hold email folders. No index knows it, which takes half of the time of making one."""

    search_auto_update = False
    wagtail_reference_index_ignore = True


class PersonalPage(Page):
    """May not."""
