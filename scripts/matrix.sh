#!/bin/sh
# Runs the tests, without the slow ones, on each supported pair of Python and Django that has an
# interpreter here. Fails if one pair fails or none can run.
set -eu

scripts/servers.sh
ran='' failed='' missing=''

interpreter() { # the one in PATH, or pyenv's
    for candidate in "python$1" "$HOME"/.pyenv/versions/"$1".*/bin/python; do
        if "$candidate" -c 'import venv' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

for pair in 3.11+5.2 3.12+6.0 3.13+6.1; do
    python=${pair%+*} django=${pair#*+} folder=.venv-${pair%+*}
    found=$(interpreter "$python")
    if [ -z "$found" ]; then
        missing="$missing $pair"
        continue
    fi
    echo "== Python $python, Django $django"
    scripts/venv.sh "$folder" dev "$found"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "Django~=$django.0"
    if "$folder/bin/python" -m pytest -n auto -q -m "not slow"; then
        ran="$ran $pair"
    else
        failed="$failed $pair"
    fi
done

echo "Passed:${ran:- none}.  Failed:${failed:- none}.  No interpreter here:${missing:- none}."
[ -n "$ran" ] && [ -z "$failed" ]
