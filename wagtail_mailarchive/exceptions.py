"""Everything that can go wrong, in words for the person who sees it.

Each class holds one sentence that says what happened, to which account or message, and what to
do. The sentence is a template and its parameters are kept apart, so that a run can store both
(`code` and `params`) and show them later in the reader's own language. Nothing a server said, and
no secret, ever becomes a parameter.

This module imports no Django: `sources` and `mime` raise these too.
"""

from __future__ import annotations


def gettext_noop(message: str) -> str:
    """Mark a sentence for `makemessages`; it is translated where it is shown."""
    return message


class MailArchiveError(Exception):
    """Base of every error of this app.

    Attributes:
        template: the sentence, with `%(name)s` places, untranslated.
        params: the values for those places; str or int, safe to show and to store.
        code: the class's name; with `params` enough to rebuild the sentence later.
    """

    template = gettext_noop("Something went wrong in the mail archive.")

    def __init__(self, **params: str | int) -> None:
        self.params = params
        super().__init__(self.template % params)

    @property
    def code(self) -> str:
        return type(self).__name__

    def __reduce__(self) -> tuple[object, ...]:
        # BaseException would call the class with the sentence; we are called with params.
        return (_rebuild, (type(self), self.params))


def _rebuild(cls: type[MailArchiveError], params: dict[str, str | int]) -> MailArchiveError:
    return cls(**params)


def template_for(code: str) -> str:
    """Return the untranslated sentence of the error class named `code`."""
    return _class_named(code).template


def rebuilt(code: str, params: dict[str, str | int]) -> MailArchiveError:
    """Return the error that was stored as `code` and `params`."""
    return _rebuild(_class_named(code), params)


def _class_named(code: str) -> type[MailArchiveError]:
    found = globals().get(code)
    if isinstance(found, type) and issubclass(found, MailArchiveError):
        return found
    return MailArchiveError


# -- configuration ---------------------------------------------------------------------------


class ConfigurationError(MailArchiveError):
    """A setting of the site is missing or unusable."""

    template = gettext_noop("The setting %(setting)s is not usable: %(problem)s")


class SecretUnreadable(MailArchiveError):
    """The stored secret cannot be decrypted with this site's keys for this host and user."""

    template = gettext_noop(
        "The password of %(account)s cannot be read with this site's encryption keys. "
        "Restore the former key, or enter the password again."
    )


class TokenUnreadable(SecretUnreadable):
    """The same of what the account's OAuth 2.0 provider gave."""

    template = gettext_noop(
        "The sign-in of %(account)s cannot be read with this site's encryption keys. "
        "Restore the former key, or sign in again."
    )


# -- sources ---------------------------------------------------------------------------------


class SourceError(MailArchiveError):
    """Talking to a mail server failed; nothing about a single message is meant."""

    template = gettext_noop("The mail server %(host)s could not be read.")


class HostNotAllowed(SourceError):
    """The SSRF guard refused the address or port. The same words for every reason."""

    template = gettext_noop(
        "%(host)s:%(port)s may not be reached from this site. "
        "If it is your mail server, ask the site owner to allow this host in "
        "Settings > Mail archive. "
        "Another port than those of mail is allowed in the Django settings alone."
    )


class HostNotFound(SourceError):
    template = gettext_noop("There is no server named %(host)s. Check the host name.")


class ConnectionRefused(SourceError):
    template = gettext_noop(
        "%(host)s does not accept connections on port %(port)s. Check the port and the security."
    )


class ConnectionTimedOut(SourceError):
    template = gettext_noop(
        "%(host)s did not answer within %(seconds)s seconds. "
        "It is tried again at the next fetch; check host and port if this goes on."
    )


class ConnectionDropped(SourceError):
    template = gettext_noop(
        "%(host)s ended the connection in the middle of an answer. "
        "What was complete is archived; the rest is fetched next time."
    )


class CertificateExpired(SourceError):
    template = gettext_noop(
        "The certificate of %(host)s has expired. Its operator has to renew it; "
        "until then nothing is sent there."
    )


class CertificateNameMismatch(SourceError):
    template = gettext_noop(
        "The certificate shown by %(host)s was issued for another name. "
        "Enter the name that the certificate holds."
    )


class CertificateUntrusted(SourceError):
    template = gettext_noop(
        "The certificate of %(host)s was issued by an authority this site does not know. "
        "If it is one of your own, paste its certificate into the form of the mail account."
    )


class TLSFailed(SourceError):
    template = gettext_noop(
        "No encrypted connection to %(host)s:%(port)s could be made. "
        "Check that port and security belong together."
    )


class StartTLSUnavailable(SourceError):
    template = gettext_noop(
        "%(host)s does not offer STARTTLS, so no password was sent. Choose TLS: usually port 993 "
        "for IMAP and 995 for POP3."
    )


class PlaintextNotAllowed(SourceError):
    template = gettext_noop(
        "This site does not allow unencrypted connections, so nothing was sent to %(host)s. "
        "Choose TLS or STARTTLS."
    )


class LoginRejected(SourceError):
    template = gettext_noop(
        "%(host)s rejected the user name or password of %(username)s. Enter the password again; "
        "some providers want an app password."
    )


class TokenRejected(SourceError):
    """The server did not take an OAuth 2.0 access token that the provider gave just now."""

    template = gettext_noop(
        "%(host)s did not accept the sign-in of %(username)s. Sign in again with the account "
        "that owns this mailbox; the provider may also have to allow IMAP or POP3 for it."
    )


class OAuthNotOffered(SourceError):
    template = gettext_noop(
        "%(host)s does not offer OAuth 2.0, so nothing was sent. Choose the password as login "
        "method."
    )


class SignInNeeded(SourceError):
    """There is no sign-in at the OAuth 2.0 provider, or the provider takes it back."""

    template = gettext_noop(
        "%(account)s has no valid sign-in at %(provider)s. Somebody has to sign in there again."
    )


class SignInNotLasting(SourceError):
    """The provider gave an access token for now and no refresh token."""

    template = gettext_noop(
        "%(provider)s lets %(account)s in for a short time only. Ask the site owner to have the "
        "provider issue refresh tokens (offline access), then sign in again."
    )


class ProviderUnreachable(SourceError):
    """The token endpoint was silent, overloaded or gave an answer that is none."""

    template = gettext_noop(
        "%(provider)s cannot be reached or is busy, so %(account)s is not signed in. "
        "The next fetch tries again; so can you, in a few minutes."
    )


class ProviderRefused(SourceError):
    """The token endpoint refuses the site itself: its client id, secret or scopes."""

    template = gettext_noop(
        "%(provider)s refuses to sign in %(account)s for this site. "
        "Ask the site owner to check this provider's entry in OAUTH_PROVIDERS."
    )


class ProviderNotConfigured(SourceError):
    template = gettext_noop(
        "%(account)s signs in at “%(provider)s”, which this site does not know. Choose another "
        "login method, or ask the site owner to configure it in OAUTH_PROVIDERS."
    )


class ServerNotOfProvider(SourceError):
    """Tokens of this provider are for its own mail servers."""

    template = gettext_noop(
        "A sign-in at %(provider)s is not for %(host)s, so nothing was sent there. Enter the "
        "provider's own mail server, or ask the site owner to add this one to OAUTH_PROVIDERS."
    )


class ServerBusy(SourceError):
    """The server asks to be left alone for a while.

    Params:
        seconds: how long, from 60 to 86,400; 60 where it does not say.
    """

    template = gettext_noop(
        "%(host)s is busy or has had enough of our requests. It is asked again, but not within "
        "the next %(seconds)s seconds."
    )


class LoginUnavailable(ServerBusy):
    """Like its parent, at the login; params hold `username` as well."""

    template = gettext_noop(
        "%(host)s cannot log in %(username)s at the moment. It is tried again at the next fetch."
    )


class MailboxNotFound(SourceError):
    template = gettext_noop(
        "There is no mailbox %(mailbox)s on %(host)s. Check its name in the account."
    )


class ChangeRefused(SourceError):
    """The server answered in full that it does not change something; its mailboxes can be read."""

    template = gettext_noop(
        "%(host)s does not let %(mailbox)s be changed as the account says. What is archived stays "
        "there; it is tried again at the next fetch."
    )


class MailboxReadOnly(ChangeRefused):
    template = gettext_noop(
        "%(mailbox)s on %(host)s can be read only, so archived mail stays there as it is. Have its "
        "owner grant more rights, or choose “leave untouched” in the account."
    )


class NoUidPlus(ChangeRefused):
    """Without UIDPLUS (RFC 4315) only all mail marked as deleted can go, whoever marked it."""

    template = gettext_noop(
        "%(host)s cannot delete single messages (it lacks UIDPLUS), so archived mail stays there. "
        "Choose another action in the account."
    )


class NoMove(ChangeRefused):
    template = gettext_noop(
        "%(host)s cannot move single messages (it lacks MOVE and UIDPLUS), so archived mail stays "
        "where it is. Choose another action in the account."
    )


class CopyNotConfirmed(ChangeRefused):
    """COPY without a COPYUID for exactly these messages (RFC 4315 section 3)."""

    template = gettext_noop(
        "%(host)s did not confirm that this message was copied to %(mailbox)s, so it stays where "
        "it is. There may be a copy there."
    )


class CopyNotRemoved(ChangeRefused):
    """Copied for want of MOVE, and then EXPUNGE was refused."""

    template = gettext_noop(
        "%(host)s has copied this message to %(mailbox)s and does not let it be removed from where "
        "it was, so it is in both. It is left alone."
    )


class NoMoreCopies(ChangeRefused):
    """Each fetch would make more of them."""

    template = gettext_noop(
        "%(host)s has copied messages to %(mailbox)s and did not confirm the copies, or did not "
        "let the messages be removed from where they were. So nothing more is moved there. To try "
        "again, choose “leave untouched” in the account, save it, and choose to move once more."
    )


class MailboxNotCreated(ChangeRefused):
    template = gettext_noop(
        "There is no mailbox %(mailbox)s on %(host)s, and it cannot be made there. Make it, or "
        "choose another one in the account."
    )


class ProtocolError(SourceError):
    """The server's answer breaks the protocol, or is larger than we accept."""

    template = gettext_noop(
        "%(host)s gave an answer that is not understood. It is tried again at the next fetch."
    )


class MessageNotGiven(SourceError):
    """The server lists a message and answers nothing when asked for it."""

    template = gettext_noop(
        "%(host)s lists this message and does not hand it over. It is tried again at the next "
        "fetch."
    )


class UnsafeArgument(SourceError):
    """A string with CR, LF or NUL was about to be sent to a server."""

    template = gettext_noop("The %(argument)s holds a line break or NUL. Enter it again without.")


# -- what makes a listing doubtful ------------------------------------------------------------


class Anomaly(MailArchiveError):
    """What the server says of its messages does not fit what it said before.

    Nothing is lost by it: in doubt a message is read again and found by its bytes.
    """

    template = gettext_noop(
        "What the server says of its messages does not fit what it said before. "
        "So nothing was removed there in this run."
    )


class UidValidityChanged(Anomaly):
    """RFC 3501 section 2.3.1.1."""

    template = gettext_noop(
        "The server has numbered all messages of %(mailbox)s anew (UIDVALIDITY changed). They "
        "are compared with the archive once more, and nothing was removed in this run."
    )


class UidNextFell(Anomaly):
    """RFC 3501 section 2.3.1.1 lets it grow only; a mailbox restored from a backup does this."""

    template = gettext_noop(
        "The server counts the messages of %(mailbox)s from a lower number on than before "
        "(UIDNEXT fell), as after a backup was restored. All of them were compared, and nothing "
        "was removed in this run."
    )


class MessageCameBack(Anomaly):
    template = gettext_noop(
        "Mail of %(mailbox)s that had gone from the server is listed there again (messages: "
        "%(number)s). What is not as it was is read once more, and nothing was removed in this "
        "run."
    )


class UidReused(Anomaly):
    """One UID under one UIDVALIDITY names another message than before."""

    template = gettext_noop(
        "In %(mailbox)s the server has given numbers of messages to other messages (so many: "
        "%(number)s). They are read once more, and nothing was removed in this run."
    )


class ListingDisagrees(Anomaly):
    template = gettext_noop(
        "The server lists %(listed)s and counts %(counted)s messages in %(mailbox)s. So no "
        "message is taken to be gone, and nothing was removed in this run."
    )


class UidlChanged(Anomaly):
    """POP3: the same bytes under another unique-id than before (RFC 1939 section 7)."""

    template = gettext_noop(
        "The server gives messages other names (UIDL) than before (so many: %(number)s). Their "
        "bytes are known, so they are not archived twice; nothing was removed in this run."
    )


class UidlMissing(Anomaly):
    """POP3: neither a unique-id nor headers, so nothing tells messages apart but their bytes."""

    template = gettext_noop(
        "The server gives neither names (UIDL) nor headers of messages (so many: %(number)s). They "
        "are read again in each run and known by their bytes, and nothing was removed in this run."
    )


# -- after a fetch, on the server -------------------------------------------------------------


class DatabaseNotDurable(MailArchiveError):
    """It may lose what it has confirmed, so nothing that rests on it may be removed elsewhere."""

    template = gettext_noop(
        "Nothing is moved or deleted on mail servers, because this site's database may lose in a "
        "power cut what it has confirmed. Ask the site owner to set %(setting)s."
    )


class ServerDeletionForbidden(MailArchiveError):
    template = gettext_noop(
        "The owners of this site allow no mail to be deleted on servers, so archived mail stays "
        "there. Choose another action in the account."
    )


class NotWithPop3(MailArchiveError):
    template = gettext_noop(
        "POP3 knows neither mailboxes nor mail that was read, so archived mail stays as it is. "
        "Choose IMAP, or another action in the account."
    )


class MoveTargetArchived(MailArchiveError):
    template = gettext_noop(
        "%(mailbox)s is one of the mailboxes that are archived, so nothing is moved there. Choose "
        "another one in the account."
    )


class GmailKeepsMail(MailArchiveError):
    template = gettext_noop(
        "%(host)s is a server of Gmail, where deleting or moving a message only takes it out of "
        "its mailbox: it stays in “All Mail”. To have it go, choose to move it to the mailbox for "
        "trash."
    )


class RemovalNotProven(MailArchiveError):
    """What the server has under a message's UID is not what was archived from there."""

    template = gettext_noop(
        "The server holds other bytes for this message than were archived from it. So it was left "
        "there, and nothing more was removed in that run. What was archived is kept."
    )


class MessagesLeft(MailArchiveError):
    """What no later fetch removes; params: `number`."""

    template = gettext_noop(
        "Archived messages stay on the server although they are to be removed (so many: "
        "%(number)s): they are not proven to be the same here and there, or the server said that "
        "it removed them and did not. The ledger says why of each. To try again, choose “leave "
        "untouched” in the account, save it, and choose once more."
    )


# -- messages that are left out on purpose ---------------------------------------------------


class NotSelected(MailArchiveError):
    """Not among the mail that the account is to archive; it stays on the server."""

    template = gettext_noop("This message is not among the mail that the account archives.")


class AlreadyRead(NotSelected):
    template = gettext_noop(
        "This message was read before it was fetched, and the account archives unread mail only. "
        "Mark it unread, or have the account archive everything."
    )


class BeforeDate(NotSelected):
    template = gettext_noop(
        "This message arrived before %(date)s, and the account archives mail since then. "
        "Choose an earlier date in the account to have it, too."
    )


class UnsentDraft(NotSelected):
    template = gettext_noop("This message is a draft that nobody has sent yet.")


class ExcludedBySite(NotSelected):
    """Raised by receivers of `signals.before_archiving`; `reason` is shown to managers."""

    template = gettext_noop("A rule of this site keeps this message out: %(reason)s")

    def __init__(self, *, reason: str) -> None:
        # The words are the site's, but they may quote mail: NUL and lone surrogates end here.
        printable = "".join(each if each.isprintable() else " " for each in reason[:500])
        super().__init__(reason=printable)


class ExclusionUndecided(NotSelected):
    """A receiver of `signals.before_archiving` failed; it is asked again."""

    template = gettext_noop(
        "The site's own rule for what is archived failed at this message. It is asked again at "
        "the next fetch; the error is in the site's log."
    )


# -- single messages -------------------------------------------------------------------------


class MessageError(MailArchiveError):
    """One message could not be read; its original is kept and its neighbours go on."""

    template = gettext_noop("This message could not be read. Its original is kept.")


class ParserTimedOut(MessageError):
    template = gettext_noop(
        "Reading this message took longer than %(seconds)s seconds. Its original is kept."
    )


class ParserCrashed(MessageError):
    """The worker process died of this message, usually at its memory limit."""

    template = gettext_noop("Reading this message needed too much memory. Its original is kept.")


class ParserFailed(MessageError):
    """The parser raised; a defect of ours that did not reach the neighbours."""

    template = gettext_noop("This message could not be read. Its original is kept.")


class DatabaseRefusedMessage(MessageError):
    template = gettext_noop(
        "The database refused this message for something in it. Its original is kept."
    )


class ParserUnavailable(MailArchiveError):
    """No parser process can be started; no message is to blame."""

    template = gettext_noop(
        "The process that reads mail cannot be started (exit status %(status)s). "
        "The log of the worker says more; nothing was lost."
    )


# -- archive and fetching --------------------------------------------------------------------


class StorageError(MailArchiveError):
    """Originals cannot be written to, or read from, their store."""

    template = gettext_noop(
        "The store of originals (%(store)s) failed. Nothing was archived meanwhile; "
        "see that it is reachable and has room."
    )


class OriginalDamaged(StorageError):
    template = gettext_noop(
        "The stored original %(sha256)s is not what was archived. "
        "Restore it from a backup and verify again."
    )


class FolderFull(MailArchiveError):
    template = gettext_noop(
        "The folder %(folder)s holds as many messages as one page can have below it. "
        "Connect the account to a new folder."
    )


class LeaseLost(MailArchiveError):
    """Another worker holds the account now; this one must stop without writing."""

    template = gettext_noop("Another worker has taken over %(account)s. It goes on there.")


class StaysForItsSize(MailArchiveError):
    template = gettext_noop(
        "It has %(megabytes)s MB, and the account takes messages up to %(limit)s MB."
    )


class ArchivedAlready(MailArchiveError):
    template = gettext_noop("It is archived already.")


class ArchivedLongEnough(MailArchiveError):
    template = gettext_noop(
        "It is archived already, and the time that the account waits (%(days)s days) has passed."
    )


class LeftByLimit(MailArchiveError):
    template = gettext_noop("It comes later, because one fetch takes at most %(limit)s messages.")


class AccountBusy(MailArchiveError):
    """Somebody works on the account, so what is compared would change meanwhile."""

    template = gettext_noop(
        "Mail of %(account)s is being fetched at the moment. Try again when that is done."
    )


class AccountHeld(MailArchiveError):
    """Too many logins were rejected, or somebody has to sign in again."""

    template = gettext_noop(
        "Mail of %(account)s is not fetched, because its login was rejected. "
        "Enter the password again, or sign in again, in the form of the mail account."
    )


class TooManyTrials(MailArchiveError):
    """Tests are limited, so that nobody searches networks or guesses passwords with them."""

    template = gettext_noop(
        "Connections were tested too often in the last minutes. Wait a few minutes and try again."
    )


class TrialLost(MailArchiveError):
    """The worker ended in the middle, or the queue lost the task."""

    template = gettext_noop("This did not come to an end. Start it again.")


class UnexpectedTrialError(MailArchiveError):
    """What no class here foresaw; the log has the traceback."""

    template = gettext_noop(
        "This stopped for a reason we did not foresee. The log of the worker says more."
    )


class UnexpectedFetchError(MailArchiveError):
    """What no class above foresaw; the log has the traceback."""

    template = gettext_noop(
        "Fetching %(account)s stopped for a reason we did not foresee. "
        "The log of the worker says more; it is tried again at the next fetch."
    )


class MessageIsReadOnly(MailArchiveError):
    """Code tried to change what was archived."""

    template = gettext_noop("Archived mail cannot be changed.")


# -- threads ---------------------------------------------------------------------------------


class ThreadsApart(MailArchiveError):
    template = gettext_noop("Only two different threads of the same folder can be merged.")


class NothingToSplit(MailArchiveError):
    template = gettext_noop(
        "This thread holds nothing but the message and its answers already, so there is nothing "
        "to split."
    )


# -- searching -------------------------------------------------------------------------------


class SearchUnavailable(MailArchiveError):
    """What readers are told, whatever the reason; those below are for the worker's page and log."""

    template = gettext_noop(
        "Searching does not work at the moment. Try again in a few minutes; "
        "all mail can be read meanwhile."
    )


class SearchClusterAway(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” does not answer as it should. It is asked again in a "
        "minute; what it has to be told is kept until then."
    )


class SearchRefused(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” refuses what it is asked (status %(status)s). Check "
        "what this site may do there, and its version."
    )


class SearchIndexMissing(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” has no index of the mail any more. "
        "Make it anew: manage.py mailarchive_index --restart."
    )


class SearchNotConfigured(SearchUnavailable):
    template = gettext_noop(
        "“%(backend)s” is no Elasticsearch or OpenSearch backend of this site that can be used. "
        "manage.py check says why."
    )


# -- integrity -------------------------------------------------------------------------------


class OriginalMissing(MailArchiveError):
    template = gettext_noop(
        "The original %(sha256)s is not in its store any more. "
        "Restore it from a backup and verify again."
    )


class OriginalUnreadable(MailArchiveError):
    """There, in a store that gives others."""

    template = gettext_noop(
        "The original %(sha256)s is in its store and cannot be read. See to the file and its disk, "
        "or restore it from a backup, and verify again."
    )


class ChainBroken(MailArchiveError):
    template = gettext_noop(
        "Entry %(number)s of the chain of folder %(folder)s does not follow from the one before: "
        "one was changed, taken out or put in. Compare the database with a backup, and the chain "
        "with a head that you exported."
    )


class NotInChain(MailArchiveError):
    template = gettext_noop(
        "The folder %(folder)s holds the original %(sha256)s, and its chain does not say that it "
        "ever came in. Compare the database with a backup."
    )


class NotHeld(MailArchiveError):
    template = gettext_noop(
        "The chain of the folder %(folder)s says that the original %(sha256)s came in, and no "
        "folder holds it any more. Compare the database with a backup."
    )


class MessageWithoutOriginal(MailArchiveError):
    template = gettext_noop(
        "The message %(page)s has no original in the database any more. "
        "Compare the database with a backup."
    )


class PartsOutsideOriginal(MailArchiveError):
    template = gettext_noop(
        "What is stored about message %(page)s does not fit its original. "
        "Read all of its folder again; the original is untouched by that."
    )


class TooManyProblems(MailArchiveError):
    template = gettext_noop(
        "The check ended at %(number)s problems. See first whether the database and the store of "
        "originals are complete, and check again."
    )


class UnexpectedUpkeepError(MailArchiveError):
    """What no class here foresaw; the log has the traceback."""

    template = gettext_noop(
        "This stopped for a reason we did not foresee. The log of the worker says more; "
        "what was done before is kept."
    )


class ErasingUnderWay(MailArchiveError):
    template = gettext_noop(
        "Mail of “%(folder)s” is being erased already. Wait until that is done, and ask again."
    )
