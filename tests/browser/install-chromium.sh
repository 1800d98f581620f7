#!/bin/sh
# Installs Debian's Chromium, and a font for it to draw with, where apt-get is there.
set -eu
if ! command -v apt-get >/dev/null; then
    echo "The browser tests need Chromium on the PATH as 'chromium': install it with your system's packages." >&2
    exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
$as_root apt-get update --quiet --quiet
$as_root apt-get install --yes --quiet --quiet --no-install-recommends chromium fonts-dejavu-core
