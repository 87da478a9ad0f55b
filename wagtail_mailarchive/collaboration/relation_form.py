"""The form that relates a message to something: a kind, one target, a note."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.widgets import AdminPageChooser
from wagtail.models import Page
from wagtail.permissions import policy_registry

from ..models import EmailMessagePage, Relation
from ..models.relation import MAX_ADDRESS, MAX_NOTE, MOST, Target, TargetKind, model_of
from .message_chooser import MessageChooserWidget
from .relation_kinds import relation_kinds
from .relations import is_visible, readable_messages

TARGETS = ("page", "related_message", "document", "image", "address")


class OneOf(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the objects that may be chosen, by its key; no database can look up any number."""

    def to_python(self, value: Any) -> Any:
        key = str(value or "")
        if key and not (key.isascii() and key.isdigit() and len(key) <= 18):
            raise forms.ValidationError(
                self.error_messages["invalid_choice"], "invalid_choice", {"value": value}
            )
        return super().to_python(value)


class RelationForm(forms.Form):
    """What is sent to relate `message` to something.

    Whoever sends it must be able to see the target: its title is shown to them afterwards.
    """

    kind = forms.ChoiceField(label=gettext_lazy("This message"))
    page = OneOf(
        Page.objects.all(), label=gettext_lazy("Page"), required=False, widget=AdminPageChooser
    )
    related_message = OneOf(
        EmailMessagePage.objects.none(),
        label=gettext_lazy("Message"),
        required=False,
        widget=MessageChooserWidget,
    )
    address = forms.URLField(
        label=gettext_lazy("Web address"),
        required=False,
        max_length=MAX_ADDRESS,
        assume_scheme="https",
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=MAX_NOTE)

    def __init__(self, message: EmailMessagePage, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self.message, self.request = message, request
        fields: dict[str, Any] = self.fields
        fields["kind"].choices = [(name, kind.label) for name, kind in relation_kinds().items()]
        messages = readable_messages(request)
        fields["related_message"].queryset = messages
        fields["related_message"].widget.messages = messages
        if apps.is_installed("wagtail.documents"):
            from wagtail.documents.widgets import AdminDocumentChooser

            self._add("document", _("Document"), TargetKind.DOCUMENT, AdminDocumentChooser)
        if apps.is_installed("wagtail.images"):
            from wagtail.images.widgets import AdminImageChooser

            self._add("image", _("Image"), TargetKind.IMAGE, AdminImageChooser)
        self.order_fields(["kind", *TARGETS, "note"])

    def _add(self, name: str, label: str, kind: TargetKind, widget: type[forms.Widget]) -> None:
        model = model_of(kind)
        if model is not None:
            # Those that the chooser itself would offer.
            chosen = policy_registry.get_by_type(model).instances_user_has_any_permission_for(
                self.request.user, ["choose"]
            )
            self.fields[name] = OneOf(chosen, label=label, required=False, widget=widget)

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if address and not address.startswith(("https://", "http://")):
            raise forms.ValidationError(_("Give an address that begins with https:// or http://."))
        return address

    def clean_page(self) -> Page | None:
        page: Page | None = self.cleaned_data["page"]
        if page is not None and not self._may_see(page):
            raise forms.ValidationError(_("You cannot read this page, so you cannot relate to it."))
        return page

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._forget_refused()
        given = [name for name in TARGETS if cleaned.get(name)]
        if not self.errors and len(given) != 1:
            raise forms.ValidationError(
                _("Choose what the message is related to: one page, message, file or address.")
            )
        if self.errors:
            return cleaned
        self.relation = self._relation(cleaned, given[0])
        if self.relation.target == str(Target(TargetKind.MESSAGE, str(self.message.pk))):
            raise forms.ValidationError(_("A message cannot be related to itself."))
        there = Relation.objects.filter(message=self.message)
        same = there.filter(kind=self.relation.kind, target=self.relation.target)
        if same.filter(address=self.relation.address).exists():
            raise forms.ValidationError(_("The message is related to this already."))
        if there.count() >= MOST:
            sentence = _("A message can have %(number)s relations; delete one before.")
            raise forms.ValidationError(sentence % {"number": MOST})
        return cleaned

    def _relation(self, cleaned: dict[str, Any], name: str) -> Relation:
        user: Any = self.request.user
        relation = Relation(
            message=self.message,
            kind=cleaned["kind"],
            note=cleaned["note"],
            author=user,
            author_name=(user.get_full_name() or user.get_username())[:100],
        )
        if name == "address":
            relation.target = str(Target(TargetKind.WEB))
            relation.address = cleaned["address"]
            return relation
        chosen: Model = cleaned[name]
        target = Target.of(chosen)
        assert target is not None  # noqa: S101 (each field holds what has a kind)
        relation.target = str(target)
        if target.kind is not TargetKind.MESSAGE:
            relation.target_title = str(getattr(chosen, "title", ""))[:255]
        return relation

    def _forget_refused(self) -> None:
        """Have choosers begin anew whose choice was refused.

        They look up what was sent, whatever it is, and would show what it is called.
        """
        refused = {name: "" for name in TARGETS if name in self.errors and name != "address"}
        self.data = {**dict(self.data.items()), **refused}

    def _may_see(self, page: Page) -> bool:
        if is_visible(page, self.request):
            return True
        # Of what is no message editors see drafts, too.
        policy = policy_registry.get(page)
        return not issubclass(page.specific_class or Page, EmailMessagePage) and bool(
            policy.user_has_any_permission_for_instance(
                self.request.user, {"add", "change", "publish"}, page
            )
        )
