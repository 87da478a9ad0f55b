#!/bin/sh
# Makes sure that the real servers and the browser that the tests use are installed:
# by apt where this user may, else by saying what to install.
set -eu

missing=
need() { # need PACKAGE COMMAND...: any of the commands, or the package
    package=$1
    shift
    for candidate; do
        if command -v "$candidate" >/dev/null 2>&1; then return; fi
    done
    missing="$missing $package"
}

# Debian keeps servers outside of an ordinary user's PATH.
PATH=$PATH:/usr/sbin:/sbin
for folder in /usr/lib/postgresql/*/bin; do PATH=$PATH:$folder; done

need dovecot-imapd dovecot
[ -e /usr/lib/dovecot/pop3 ] || [ -e /usr/libexec/dovecot/pop3 ] || missing="$missing dovecot-pop3d"
need chromium chromium
need postgresql initdb
need redis-server redis-server

[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root="sudo -n"; fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
    echo "The tests need these programs:$missing" >&2
    echo "Install them (Debian, Ubuntu: sudo apt-get install$missing) and call make again." >&2
    exit 1
fi

echo "Installing$missing ..."
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >/dev/null; }
# shellcheck disable=SC2086  (one word a package)
apt update && apt install --yes --no-install-recommends $missing || {
    echo "apt-get could not install them; the lines above say why." >&2
    echo "Install them by hand: apt-get install$missing" >&2
    exit 1
}
