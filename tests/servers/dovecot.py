"""A real Dovecot on the loopback interface, with as many users as tests want.

Runs wholly without root (as "nobody" where the tests are root), under Dovecot 2.3 (Debian 12) and
2.4 (Debian 13), whose configuration is written differently. Mail is delivered by writing Maildir
files, as any delivery agent would.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from imapclient import imap_utf7  # type: ignore[import-untyped]

from wagtail_mailarchive.sources.base import Endpoint, Reach, Security

from .account import SystemAccount, unprivileged
from .certificates import Authority, Certificate
from .ports import free_ports

PASSWORD = "correct horse"
_MISSING = "Dovecot is needed here: apt-get install dovecot-imapd dovecot-pop3d"

_COMMON = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
auth_failure_delay = 0
mail_max_userip_connections = 200
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""

_VERSION_2_3 = """
namespace inbox {{
  inbox = yes
  separator = .
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users/%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
mail_location = maildir:~/Maildir
mail_fsync = never
"""

_VERSION_2_4 = """
namespace inbox {{
  inbox = yes
  separator = .
  mailbox Junk {{
    special_use = \\Junk
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
ssl_server_cert_file = {folder}/certificate.pem
ssl_server_key_file = {folder}/key.pem
auth_allow_cleartext = yes
passdb passwd-file {{
  passwd_file_path = {folder}/users/%{{user}}
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user}}
  }}
}}
mail_driver = maildir
mail_path = ~/Maildir
mail_fsync = never
"""

_OAUTH_2_3 = """
auth_mechanisms = plain xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
"""

_OAUTH_2_3_FILE = """
introspection_mode = post
introspection_url = {introspection_url}
username_attribute = username
active_attribute = active
active_value = true
"""

_OAUTH_2_4 = """
auth_mechanisms = plain xoauth2
oauth2 {{
  introspection_mode = post
  introspection_url = {introspection_url}
  username_attribute = username
  active_attribute = active
  active_value = true
}}
"""


class DovecotUnavailable(RuntimeError):
    """It is not installed, or did not start; the message says what to do."""


class Dovecot:
    """One server process; IMAP, IMAPS, POP3 and POP3S on free ports of 127.0.0.1.

    Attributes:
        authority: who issued the certificate, which is for "localhost" and 127.0.0.1.
    """

    host = "localhost"

    def __init__(
        self, certificate: Certificate | None = None, *, introspection_url: str = ""
    ) -> None:
        """
        Args:
            certificate: shown instead of a good one.
            introspection_url: where to ask whose an access token is, which lets XOAUTH2 in.
        """
        self._introspection_url = introspection_url
        self.authority = Authority()
        self.certificate = certificate or self.authority.issue(
            "localhost", addresses=("127.0.0.1",)
        )
        self.imap, self.imaps, self.pop3, self.pop3s = free_ports(4)
        self._passwords: dict[str, str] = {}
        self._account: SystemAccount = unprivileged()
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._delivered = itertools.count(1)

    # -- the process -------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise DovecotUnavailable("Dovecot is not running.")
        return self._folder

    def _start(self) -> None:
        program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/sbin")
        if program is None:
            raise DovecotUnavailable(_MISSING)
        # Short, because the path of a Unix socket may have 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="madc", dir="/tmp"))
        (self._folder / "mail").mkdir()
        (self._folder / "users").mkdir()
        (self._folder / "log").touch()
        (self._folder / "certificate.pem").write_text(self.certificate.certificate)
        (self._folder / "key.pem").write_text(self.certificate.key)
        (self._folder / "oauth2.conf").write_text(
            _OAUTH_2_3_FILE.format(introspection_url=self._introspection_url)
        )
        (self._folder / "dovecot.conf").write_text(self._configuration(program))
        self._account.own(self._folder)
        options: dict[str, Any] = {"cwd": self._folder, **self._account.process_options()}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-F", "-c", str(self._folder / "dovecot.conf")],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **options,
            )
        self._await_readiness(self._process)

    def _configuration(self, program: str) -> str:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        version = told.stdout.split()[0]
        if tuple(map(int, re.findall(r"\d+", version)[:2])) >= (2, 4):
            # Which must come first, and mean the syntax, not the release.
            versions = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
            template = versions + _COMMON + _VERSION_2_4
            oauth = _OAUTH_2_4
        else:
            template = _COMMON + _VERSION_2_3
            oauth = _OAUTH_2_3
        if self._introspection_url:
            template += oauth
        return template.format(
            folder=self._folder,
            user=self._account.user,
            group=self._account.group,
            uid=self._account.uid,
            gid=self._account.gid,
            imap=self.imap,
            imaps=self.imaps,
            pop3=self.pop3,
            pop3s=self.pop3s,
            introspection_url=self._introspection_url,
        )

    def _await_readiness(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 20
        for port in (self.imap, self.imaps, self.pop3, self.pop3s):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > until:
                        problem = f"Dovecot did not start:\n{self.log()}"
                        raise DovecotUnavailable(problem) from None
                    time.sleep(0.01)

    def log(self) -> str:
        """Return what the server wrote, for the message of a failing test."""
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End the server, its own process and no other, and remove its files."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None
        if self._folder is not None:
            # Processes serving a connection outlive their master for a moment.
            for _attempt in range(50):
                with suppress(OSError):
                    shutil.rmtree(self._folder)
                    break
                time.sleep(0.05)
            self._folder = None

    # -- users and their mail ----------------------------------------------------------------

    def create_user(self, name: str, password: str = PASSWORD) -> str:
        """Let `name` log in with `password`, with an empty INBOX; return the name."""
        self._passwords[name] = password
        # One file each: a file that Dovecot has read already it looks at once a second only.
        (self.folder / "users" / name).write_text(f"{name}:{{PLAIN}}{password}\n")
        self._make_maildir(self.maildir(name))
        return name

    def maildir(self, user: str, mailbox: str = "INBOX") -> Path:
        """Return the Maildir of a mailbox; subfolders are separated by "."."""
        root = self.folder / "mail" / user / "Maildir"
        if mailbox == "INBOX":
            return root
        encoded: bytes = imap_utf7.encode(mailbox)
        return root / f".{encoded.decode('ascii')}"

    def _make_maildir(self, maildir: Path) -> None:
        missing = [maildir / part for part in ("tmp", "new", "cur")]
        for part in missing:
            part.mkdir(parents=True, exist_ok=True)
        top = self.folder / "mail" / maildir.relative_to(self.folder / "mail").parts[0]
        self._account.own(top)

    def create_mailbox(self, user: str, mailbox: str) -> Path:
        """Create an empty mailbox and return its Maildir."""
        maildir = self.maildir(user, mailbox)
        self._make_maildir(maildir)
        return maildir

    def deliver(
        self,
        user: str,
        raw: bytes,
        mailbox: str = "INBOX",
        flags: str = "",
        received_at: datetime | None = None,
    ) -> str:
        """Put one message into a mailbox and return its file's name (without flags).

        Args:
            raw: the exact bytes; Dovecot serves bare LF as CRLF.
            flags: Maildir's letters, e.g. "S" for \\Seen; with none the message is \\Recent.
            received_at: INTERNALDATE; now if None.
        """
        maildir = self.maildir(user, mailbox)
        if not (maildir / "tmp").is_dir():
            self._make_maildir(maildir)
        # Dovecot gives UIDs in the order of names.
        name = f"{int(time.time())}.M{next(self._delivered):09}P{os.getpid()}.tests"
        written = maildir / "tmp" / name
        written.write_bytes(raw)
        if received_at is not None:
            os.utime(written, (received_at.timestamp(), received_at.timestamp()))
        if os.geteuid() == 0:
            os.chown(written, self._account.uid, self._account.gid)
        if flags:
            written.rename(maildir / "cur" / f"{name}:2,{''.join(sorted(flags))}")
        else:
            written.rename(maildir / "new" / name)
        return name

    def message_files(self, user: str, mailbox: str = "INBOX") -> list[Path]:
        """Return the files of a mailbox, oldest first; flags stand after ":2,"."""
        maildir = self.maildir(user, mailbox)
        files = (*(maildir / "new").iterdir(), *(maildir / "cur").iterdir())
        return sorted(files, key=lambda path: path.name)

    def remove(self, user: str, *names: str, mailbox: str = "INBOX") -> None:
        """Remove messages by the names `deliver` returned, all of them if none is given."""
        for path in self.message_files(user, mailbox):
            if not names or path.name.partition(":")[0] in names:
                path.unlink()

    def bump_uidvalidity(self, user: str, mailbox: str = "INBOX") -> None:
        """Make the server give all messages new UIDs under a higher UIDVALIDITY."""
        maildir = self.maildir(user, mailbox)
        # Without its list of UIDs Dovecot numbers all files anew, under the next UIDVALIDITY
        # of the user's dovecot-uidvalidity file.
        for path in (maildir / "dovecot-uidlist", *maildir.glob("dovecot.index*")):
            path.unlink(missing_ok=True)

    def endpoint(
        self,
        user: str,
        security: Security = Security.TLS,
        *,
        protocol: str = "imap",
        host: str = "localhost",
        secret: str | None = None,
        ca_certificate: str | None = None,
    ) -> Endpoint:
        """Return how to reach `user`'s mail, allowed to, trusting our authority.

        Args:
            protocol: "imap" or "pop3".
        """
        ports = {"imap": (self.imap, self.imaps), "pop3": (self.pop3, self.pop3s)}
        return Endpoint(
            host=host,
            port=ports[protocol][security is Security.TLS],
            security=security,
            username=user,
            secret=self._passwords[user] if secret is None else secret,
            reach=self.reach(),
            ca_certificate=self.authority.certificate if ca_certificate is None else ca_certificate,
        )

    def reach(self) -> Reach:
        """Return rules that allow this server, unencrypted too."""
        return Reach(
            allowed_hosts=frozenset({"localhost", "127.0.0.1"}),
            allowed_ports=frozenset({self.imap, self.imaps, self.pop3, self.pop3s}),
            allow_plaintext=True,
        )
