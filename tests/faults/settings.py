"""Settings of the processes that may be killed."""

from tests.settings import *  # noqa: F403
from tests.settings import WAGTAIL_MAILARCHIVE

# `mail.LARGEST`
WAGTAIL_MAILARCHIVE = {**WAGTAIL_MAILARCHIVE, "MAX_MESSAGE_SIZE": 400_000}
