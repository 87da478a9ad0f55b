"""The intranet's pages, made once; afterwards only what the demo's start may change."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.text import slugify
from wagtail.models import Page, PageViewRestriction, Site

from example_project.demo_mail import ACCOUNTS, Account
from example_project.intranet.models import HomePage, PersonalPage, WorkspacePage
from example_project.mail_server import Credentials
from wagtail_mailarchive.models import EmailFolderPage, MailAccount

from .people import MODERATORS, STAFF, make_users

_MAILBOXES = {"engineering": ["INBOX"], "events": ["INBOX", "Sent", "Anmälningar"]}
_INTRODUCTIONS = {
    "engineering": "Buoys, firmware and tide models: what we build, and what we learn at sea.",
    "events": "Fairs, the open day and everything that needs chairs, badges and a projector.",
}
_BODIES = {
    "engineering": "<p>The mailing list is where decisions are made and remembered. Search it"
    " before you ask, and ask on it rather than in the corridor: the next one will search it,"
    " too.</p>",
    "events": "<p>Whoever writes to events@ writes to all of us. Registrations and what we sent"
    " are archived as well, so that anybody can answer a guest.</p>",
}
_DESCRIPTIONS = {
    "engineering": "All mail to engineering@tidemark.example, since last autumn.",
    "events": "Mail to and from events@tidemark.example. Staff only: guests give their phone"
    " numbers here.",
}


@transaction.atomic
def load(credentials: Credentials, mail_port: int, port: int, passwords: Mapping[str, str]) -> bool:
    """Make the intranet unless it is there; return whether it is new.

    What users changed since stays. Ports and the mail server's passwords are brought up to date.
    """
    is_new = not HomePage.objects.exists()
    if is_new:
        make_users(passwords)
        _make_pages()
    _connect(credentials, mail_port, is_new=is_new)
    site = Site.objects.get(is_default_site=True)
    if site.port != port:
        site.port = port
        site.save()
    return is_new


def _make_pages() -> None:
    root = Page.get_first_root_node()
    home = HomePage(
        title="Welcome aboard",
        slug="tidemark",
        introduction="Tidemark Instruments builds tide gauges and weather buoys in Gothenburg."
        " This is where we keep what we know.",
        body="<p>Every team has a space. The mail of a team’s shared mailbox is archived there, as"
        " pages that can be read, searched and linked to like any others.</p>",
    )
    root.add_child(instance=home)
    site = Site.objects.get(is_default_site=True)
    site.site_name, site.hostname, site.root_page = "Tidemark", "localhost", home
    site.save()
    # Wagtail's own welcome, now that no site begins there.
    for page in root.get_children().exclude(pk=home.pk):
        page.specific.delete()
    for account in ACCOUNTS:
        workspace = WorkspacePage(
            title=account.title,
            slug=slugify(account.name),
            show_in_menus=True,
            introduction=_INTRODUCTIONS[account.name],
            body=_BODIES[account.name],
        )
        home.add_child(instance=workspace)
        folder = EmailFolderPage(
            title=f"Mail to {account.name}@",
            slug="mail",
            description=_DESCRIPTIONS[account.name],
        )
        workspace.add_child(instance=folder)
        _let_read(folder, staff_only=account.name == "events")
    home.add_child(
        instance=PersonalPage(
            title="Mirjam’s desk",
            slug="mirjam",
            introduction="Sketches, half-finished thoughts and the coffee rota.",
            body="<p>This is a personal space. It takes pages of any type but one: email folders"
            " belong to teams, so the site allows them in workspaces only.</p>",
        )
    )


def _let_read(folder: EmailFolderPage, *, staff_only: bool) -> None:
    """Open a new folder, which only its editors could read, to more people."""
    restriction = PageViewRestriction.objects.get(page=folder.page_ptr)
    if staff_only:
        restriction.groups.set(Group.objects.filter(name__in=(STAFF, MODERATORS)))
        return
    restriction.restriction_type = PageViewRestriction.LOGIN
    restriction.save()


def _connect(credentials: Credentials, mail_port: int, *, is_new: bool) -> None:
    """Make the mail accounts, or give those that still lead here the present port and password."""
    titles = {account.address: account for account in ACCOUNTS}
    for login in credentials.logins:
        if is_new:
            account = _new_account(titles[login.username])
        else:
            found = MailAccount.objects.filter(host=credentials.host, username=login.username)
            existing = found.first()
            if existing is None:
                continue
            account = existing
        account.host = credentials.host
        account.port = mail_port
        account.username = login.username
        account.ca_certificate = credentials.ca_certificate
        account.set_secret(login.password)
        account.save()


def _new_account(account: Account) -> MailAccount:
    folder = EmailFolderPage.objects.get(url_path=f"/tidemark/{account.name}/mail/")
    return MailAccount(
        folder=folder,
        name=f"{account.title} mailbox",
        email=account.address,
        mailboxes=_MAILBOXES[account.name],
        interval=5,
    )
