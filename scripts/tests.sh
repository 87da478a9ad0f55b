#!/bin/sh
# Usage: tests.sh PYTHON PROCESSES TEST... [-- PYTEST_ARGUMENT...]
# Runs all tests but the soak on SQLite, with these arguments of pytest, and beside them the named
# ones on PostgreSQL: while the one waits for servers and browsers, the other computes.
set -eu

python=$1 processes=$2
shift 2
on_postgresql=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    on_postgresql="$on_postgresql $1"
    shift
done
[ $# -eq 0 ] || shift

MIGRATED=$(mktemp -d)
export MIGRATED
said=$MIGRATED/postgresql.log
# shellcheck disable=SC2086  (one word a test)
"$python" -m tests.postgresql_lane -n "$(((processes + 1) / 2))" --dist worksteal $on_postgresql >"$said" 2>&1 &
beside=$!
# The one beside hears no key; asked to end, it takes its server down.
finish() {
    if [ -n "$beside" ]; then
        kill "$beside" 2>/dev/null || true
        wait "$beside" || true
    fi
    rm -rf "$MIGRATED"
}
trap finish EXIT
trap 'exit 130' INT TERM

status=0
"$python" -m pytest -n "$processes" --dist worksteal -m "not soak" "$@" || status=$?
echo "What writes and searches, on PostgreSQL:"
wait "$beside" || status=$?
beside=
cat "$said"
exit $status
