"""Look at the interpreter first: what follows cannot be read by an old one."""

import sys
from importlib.util import find_spec

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts an old one gets a sentence
    sys.exit(
        "Python 3.11 or newer is needed; this is {}.{}. "
        "`make demo` looks for one by itself.".format(*sys.version_info)
    )
missing = [name for name in ("wagtail", "django_q", "pymap") if find_spec(name) is None]
if missing:
    sys.exit(
        f"{', '.join(missing)} not installed in this Python. `make demo` installs all it needs; "
        "by hand: pip install -e '.[demo]'"
    )

from .runner import main  # noqa: E402

sys.exit(main())
