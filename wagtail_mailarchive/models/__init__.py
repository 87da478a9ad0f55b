"""The nouns. See the table of words in docs/explanation/words.md."""

from .account import AfterFetch, MailAccount, MailboxChoice, Protocol, Selection
from .annotation import Annotation
from .attachment import Attachment, AttachmentKind
from .attachment_content import AttachmentContent, ContentState
from .chain import ChainEntry
from .comment import Comment, CommentNotice, CommentState
from .delivery import Delivery
from .dkim import DkimSignature, DkimVerdict
from .facet import AccountMessage, FacetCount, FacetKind
from .folder import EmailFolderPage
from .follow import Follow, Pace
from .former_thread import FormerThread
from .grant import OAuthGrant
from .health import AccountHealth
from .heartbeat import WorkerHeartbeat
from .lease import Lease
from .ledger import Envelope, LedgerEntry, Outcome, Presence
from .mailbox import Mailbox
from .message import EmailMessagePage
from .message_text import MessageText
from .month_count import MonthCount
from .notice import Notice
from .original import Original, OriginalChunk
from .read_mark import ReadMark
from .relation import Relation
from .run import FetchRun, RunStatus, Trigger
from .saved_search import SavedSearch
from .search_cluster import SearchChange, SearchCluster
from .search_index import SearchIndex
from .site_settings import ArchiveSiteSettings
from .tag import MailTag, TaggedMessage
from .thread import Thread, ThreadDecision, ThreadKey
from .tombstone import Tombstone
from .trash import TrashedFolder, TrashEntry
from .trial import Trial, TrialKind, TrialStatus
from .upkeep import IntegrityProblem, UpkeepKind, UpkeepRun, UpkeepStatus

__all__ = [
    "AccountHealth",
    "AccountMessage",
    "AfterFetch",
    "Annotation",
    "ArchiveSiteSettings",
    "Attachment",
    "AttachmentContent",
    "AttachmentKind",
    "ChainEntry",
    "Comment",
    "CommentNotice",
    "CommentState",
    "ContentState",
    "Delivery",
    "DkimSignature",
    "DkimVerdict",
    "EmailFolderPage",
    "EmailMessagePage",
    "Envelope",
    "FacetCount",
    "FacetKind",
    "FetchRun",
    "Follow",
    "FormerThread",
    "IntegrityProblem",
    "Lease",
    "LedgerEntry",
    "MailAccount",
    "MailTag",
    "Mailbox",
    "MailboxChoice",
    "MessageText",
    "MonthCount",
    "Notice",
    "OAuthGrant",
    "Original",
    "OriginalChunk",
    "Outcome",
    "Pace",
    "Presence",
    "Protocol",
    "ReadMark",
    "Relation",
    "RunStatus",
    "SavedSearch",
    "SearchChange",
    "SearchCluster",
    "SearchIndex",
    "Selection",
    "TaggedMessage",
    "Thread",
    "ThreadDecision",
    "ThreadKey",
    "Tombstone",
    "TrashEntry",
    "TrashedFolder",
    "Trial",
    "TrialKind",
    "TrialStatus",
    "Trigger",
    "UpkeepKind",
    "UpkeepRun",
    "UpkeepStatus",
    "WorkerHeartbeat",
]
