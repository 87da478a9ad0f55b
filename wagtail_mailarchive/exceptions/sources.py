"""What a mail server, or the way to it, answers with."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


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
