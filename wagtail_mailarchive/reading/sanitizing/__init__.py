"""Sanitising HTML mail: bounds, rewriting, then one of two engines under one policy."""

from .engines import Engine
from .marks import Mark, replaced, without_folded
from .policy import POLICY_VERSION
from .sanitize import Refusal, SanitizedHtml, sanitize

__all__ = [
    "POLICY_VERSION",
    "Engine",
    "Mark",
    "Refusal",
    "SanitizedHtml",
    "replaced",
    "sanitize",
    "without_folded",
]
