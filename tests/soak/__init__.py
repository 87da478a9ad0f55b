"""The soak: workers that are killed, a server that does not stand still, and a ledger that adds up.

Real ``qcluster`` processes with a Redis broker archive several accounts of a Dovecot on
PostgreSQL, while mail is delivered, moved and expunged, and while the workers are killed by
SIGKILL at random from a printed seed. Afterwards every message delivered is in the archive
exactly once per folder. A short seed runs in ``make test``; ``make soak`` runs the long one.
"""
