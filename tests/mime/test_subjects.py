"""What a subject is about."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wagtail_mailarchive.mime.subjects import canonical_subject

SAME = [
    "Budget",
    "  BUDGET\t",
    "Re: Budget",
    "RE: AW: Fwd: budget",
    "Re[2]: Budget",
    "Re^3: Budget",
    "re (4) : Budget",
    "[Office] Re: [Office] Budget",
    "Re [Office]: Budget",
    "Budget (fwd) (fwd)",
    "[Fwd: Re: Budget]",
    "Budget (was: Holidays)",
    "Budget [was Holidays]",
    "WG: SV: VS: VB: Odp: Rif: R: RES: ENC: TR: Antw: Doorst: YNT: Budget",
    "İLT: Budget",
    "Vá: Továbbítás: Budget",
    "ΣΧΕΤ: ΑΠ: Budget",
    "Отв: Budget",
    "回复：转发：Budget",
    "返信: Budget",
    "\u200fالرد: إعادة توجيه: Budget",
    "תשובה: Budget",
    "Ｒｅ：Ｂｕｄｇｅｔ",
]


@pytest.mark.parametrize("subject", SAME)
def test_what_programs_write_around_a_subject_is_left_out(subject: str) -> None:
    assert canonical_subject(subject) == "budget"


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        ("", ""),
        ("Re: Re:", ""),
        ("[Office]", "[office]"),
        ("Re: [Office]", "[office]"),
        ("(was: Holidays)", "(was: holidays)"),
        ("Reading: a list", "reading: a list"),
        ("Budget: Re: more", "budget: re: more"),
        ("Straße", "strasse"),
        ("What was (it)", "what was (it)"),
        ("Two  words", "two words"),
        ("\ud800", "\ud800"),
    ],
)
def test_what_belongs_to_it_stays(subject: str, about: str) -> None:
    assert canonical_subject(subject) == about


@settings(deadline=None)
@given(st.text("re:fwd [](): was\u200f", max_size=60))
def test_no_subject_is_about_more_than_it_says(subject: str) -> None:
    about = canonical_subject(subject)
    assert len(about) <= len(subject)
    assert about == " ".join(about.split())
    assert canonical_subject(f"Re: [list] {about}") == canonical_subject(about) or not about


@pytest.mark.parametrize(
    "subject",
    [
        "[" * 400_000,
        "re:" * 130_000,
        "[a]" * 130_000,
        "(fwd)" * 80_000,
        "[fwd:" * 70_000 + "]" * 70_000,
        "(was:" * 80_000 + ")",
        "[fwd: " * 60_000 + " ]" * 60_000,
        "re (" * 100_000,
    ],
    ids=lambda subject: subject[:6],
)
def test_hostile_subjects_take_time_in_proportion_to_their_length(subject: str) -> None:
    """Squared, each of these would take hours."""
    canonical_subject(subject)
