"""The intranet's mail as JSON, read-only: docs/how-to/api.md."""

from wagtail.api.v2.router import WagtailAPIRouter

from wagtail_mailarchive.reading.api import MailMessagesAPIViewSet, MailThreadsAPIViewSet

api_router = WagtailAPIRouter("wagtailapi")
api_router.register_endpoint("mail_messages", MailMessagesAPIViewSet)
api_router.register_endpoint("mail_threads", MailThreadsAPIViewSet)
