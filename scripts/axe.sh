#!/bin/sh
# Fetches axe-core, which the browser tests look for accessibility problems with, from the npm
# registry into the user's cache, once. AXE_CORE=/path/to/axe.min.js names a copy of one's own.
set -eu

[ -z "${AXE_CORE:-}" ] || exit 0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wagtail-mailarchive
[ ! -e "$cache/axe.min.js" ] || exit 0

if ! command -v npm >/dev/null 2>&1; then
    echo "The browser tests need axe-core: install npm and call make again, or set AXE_CORE to" >&2
    echo "the path of axe.min.js (https://www.npmjs.com/package/axe-core, version 4)." >&2
    exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "Fetching axe-core ..."
(cd "$scratch" && npm pack --silent axe-core@4 >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js)
mkdir -p "$cache"
# In one step, because another run may fetch it at the same time.
mv "$scratch/package/axe.min.js" "$cache/axe.min.js.$$"
mv "$cache/axe.min.js.$$" "$cache/axe.min.js"
