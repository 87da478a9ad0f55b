"""What a subject is about, without what mail programs and lists write around it.

Based on RFC 5256 section 2.1, which knows "Re", "Fw", "Fwd", "[blobs]" and "(fwd)" only. It is not
for showing: References join two messages into one thread only where this is the same for both.
"""

from __future__ import annotations

import re
import unicodedata

# Marks that are not seen, which programs put around words of another direction of writing.
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")

# What stands before the colon of a reply or of something passed on; "_" stands for a blank.
_WORDS = """
    re fw fwd forward aw antw antwort wg sv vs vb vl ang svar betr doorst doorgestuurd
    rép réf ref rep tr r rif i rv resp res enc odp pd ats atb ynt ilt İLT vá továbbítás fs bls trs
    yml απ σχετ πρθ отв ответ пересл رد الرد إعادة_توجيه תשובה השב הועבר העברה
    回复 回覆 答复 答覆 转发 轉寄 轉發 返信 転送 회신 답장 전달 trả_lời chuyển_tiếp
"""
# Bounded, like everything repeated here: a subject may be one long "[[[[".
_TAG = r"\[[^\[\]]{0,100}\]"
_FORWARDED = "(fwd)"
_WRAPPED = re.compile(r"\[(?:fwd?|wg|tr|rv|vs|vb):")
# "New topic (was: Old topic)" is about the new one.
_FORMER = tuple(
    f"{bracket}{word}{end}" for bracket in "([" for word in ("was", "war") for end in (":", " ")
)


def _folded(text: str) -> str:
    """Return `text` as it is compared: in one case, one width, one blank between words."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(text.casefold().split())


_LEADER = re.compile(
    "(?:"
    + "|".join(
        sorted(
            (re.escape(_folded(word.replace("_", " "))) for word in _WORDS.split()), reverse=True
        )
    )
    # "Re[2]:", "Re(2):", "Re^2:", "Re [list]:"
    + rf")(?: ?(?:{_TAG}|\(\d{{1,5}}\)|[\^*]\d{{1,5}}))? ?: ?"
)
_LEADING_TAG = re.compile(_TAG + " ?")


def canonical_subject(subject: str) -> str:
    """Return what `subject` is about, in a form that only serves to be compared.

    Takes time in proportion to its length, whatever it holds; "" where nothing is left.
    """
    text = _folded(subject)
    # Only places move: cutting a character off a long text each time would take its square.
    start, end = 0, len(text)
    while True:
        before = start, end
        start, end = _without_ends(text, start, end)
        leader = _LEADER.match(text, start, end)
        if leader:
            start = leader.end()
        else:
            tag = _LEADING_TAG.match(text, start, end)
            # A subject that is nothing but a tag is about that (RFC 5256 section 2.1, step 4).
            if tag and tag.end() < end:
                start = tag.end()
        if (start, end) == before:
            return text[start : _without_former(text, start, end)]


def _without_ends(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] == " ":
        start += 1
    while start < end and text[end - 1] == " ":
        end -= 1
    if text.endswith(_FORWARDED, start, end):
        end -= len(_FORWARDED)
    wrapped = _WRAPPED.match(text, start, end)
    if wrapped and text[end - 1] == "]":
        return wrapped.end(), end - 1
    return start, end


def _without_former(text: str, start: int, end: int) -> int:
    """Return where the subject ends, a former one in brackets behind it left out."""
    if not text.endswith((")", "]"), start, end):
        return end
    place = max(text.rfind(opening, start, end) for opening in _FORMER)
    if place <= start:
        return end
    return place - 1 if text[place - 1] == " " else place
