"""Signals of this app, for a site's own code. docs/how-to/signals.md shows how to receive them.

All are sent with `django.dispatch.Signal.send_robust`: a receiver that fails is logged and stops
nothing. All but `before_archiving` are sent once what they tell is committed. Receivers run where
the thing happens, mostly in a worker; what takes long belongs in a task of their own.
"""

from django.dispatch import Signal

before_archiving = Signal()
"""Sent before a message becomes a page, once its bytes are read.

Sender: `MailAccount`. Arguments: `account`, `folder_id`, `message`
(`wagtail_mailarchive.mime.message.ParsedMessage`: look, do not touch), `sha256` and `size` of its
original. A receiver that raises `wagtail_mailarchive.exceptions.ExcludedBySite(reason="why")`
keeps the message out: it stays on the server, and the ledger says why. At any other error the
message waits, and receivers are asked again at the next fetch; other messages go on. Receivers are
called outside of any transaction; `account` is None where mail in quarantine is read again after
its account was removed.
"""

message_archived = Signal()
"""Sent for each message that became a page. Sender: `EmailMessagePage`.

Arguments: `message_id` and `folder_id`, the pages' keys.
"""

run_finished = Signal()
"""Sent when a fetch run that a worker worked on has ended, however.

Sender: `FetchRun`. Argument: `run`, as it is stored.
"""

account_failed = Signal()
"""Sent when a fetch run ended with an error that concerns the account. Sender: `MailAccount`.

Arguments: `account`, `run` and `error` (`str`, safe to show to editors).
"""

comment_posted = Signal()
"""Sent when a comment was posted, held ones included. Sender: `Comment`. Argument: `comment`."""
