#!/bin/sh
# Usage: venv.sh FOLDER EXTRA [PYTHON]
# Makes a virtual environment with this project and its EXTRA in it, and the stamp
# FOLDER/.ready-EXTRA. PYTHON: the interpreter; by default the first of 3.11 or newer.
set -eu

folder=$1 extra=$2 python=${3:-}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

if [ -z "$python" ]; then
    for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
        if fits "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || fail "Python 3.11 or newer is needed; python3 here is $(
    python3 --version 2>/dev/null || echo 'not installed'
)." "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12"

if ! fits "$folder/bin/python"; then
    rm -rf "$folder"
    "$python" -m venv "$folder" || {
        rm -rf "$folder"
        fail "$python cannot make virtual environments." \
            "Install what is missing (Debian, Ubuntu: apt-get install python3-venv)."
    }
fi

echo "Installing into $folder with $("$folder/bin/python" --version) ..."
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extra]" ||
    fail "Installing failed; the lines above say why." \
        "If the network is missing, connect it (or set PIP_INDEX_URL) and call make again."

touch "$folder/.ready-$extra"
# The development tools hold all that the demo needs.
[ "$extra" != dev ] || touch "$folder/.ready-demo"
