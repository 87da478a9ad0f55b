"""The nouns. See the table of words in docs/explanation/words.md."""

from .account import MailAccount, Protocol
from .attachment import Attachment
from .folder import EmailFolderPage
from .heartbeat import WorkerHeartbeat
from .lease import Lease
from .ledger import LedgerEntry, Outcome, Presence
from .mailbox import Mailbox
from .message import EmailMessagePage
from .message_text import MessageText
from .month_count import MonthCount
from .original import Original, OriginalChunk
from .reference import MessageReference
from .run import FetchRun, RunStatus, Trigger

__all__ = [
    "Attachment",
    "EmailFolderPage",
    "EmailMessagePage",
    "FetchRun",
    "Lease",
    "LedgerEntry",
    "MailAccount",
    "Mailbox",
    "MessageReference",
    "MessageText",
    "MonthCount",
    "Original",
    "OriginalChunk",
    "Outcome",
    "Presence",
    "Protocol",
    "RunStatus",
    "Trigger",
    "WorkerHeartbeat",
]
