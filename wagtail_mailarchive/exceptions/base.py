"""What all errors have in common: a sentence, its parameters, and a name to find them by."""

from __future__ import annotations

from importlib import import_module


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
    found = getattr(import_module(__name__.rpartition(".")[0]), code, None)
    if isinstance(found, type) and issubclass(found, MailArchiveError):
        return found
    return MailArchiveError
