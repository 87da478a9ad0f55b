"""Which database errors speak of the data, and which of the database.

Only the former may quarantine a message. PostgreSQL reports a tsvector or index row that grows
too large (SQLSTATE class 54) as an operational error, so the class of the exception is not enough.
"""

from __future__ import annotations

from django.db import DataError, IntegrityError, OperationalError

# ValueError: a driver refuses NUL, or text that UTF-8 cannot hold. OverflowError: an integer
# beyond 64 bits.
DATA_ERRORS = (DataError, IntegrityError, ValueError, OverflowError)

_PROGRAM_LIMIT_EXCEEDED = "54"
_DEADLOCK_DETECTED = "40P01"
_SERIALIZATION_FAILURE = "40001"


def refused_for_data(error: Exception) -> bool:
    """Whether the database would refuse the same data again."""
    if isinstance(error, DATA_ERRORS):
        return True
    return isinstance(error, OperationalError) and _sqlstate(error).startswith(
        _PROGRAM_LIMIT_EXCEEDED
    )


def worth_retrying(error: Exception) -> bool:
    """Whether the same transaction may well succeed a moment later: it met another one."""
    return _sqlstate(error) in (_DEADLOCK_DETECTED, _SERIALIZATION_FAILURE)


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""
