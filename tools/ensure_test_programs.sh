#!/bin/sh
# The browser tests need Chromium, the durability tests also run on PostgreSQL and Redis, names in a
# meeting's recording are read by tesseract, one client of resumable uploads runs under Node, and
# the recorder is tried in Firefox, too.
# Installs what is missing where that is possible without asking: on Debian or Ubuntu, as root.
# Elsewhere it says what to install; tests without their program skip, and say so.
set -u

missing=
firefox=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
    || command -v google-chrome >/dev/null || missing="$missing chromium fonts-dejavu-core"
command -v redis-server >/dev/null || missing="$missing redis-server"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null \
    || missing="$missing postgresql"
command -v tesseract >/dev/null || missing="$missing tesseract-ocr"
# PDF reports are drawn with Pango, which is a library; a linker's list says whether it is there.
{ ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q libpangoft2-1.0.so.0 \
    || missing="$missing libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core"
command -v node >/dev/null && command -v npm >/dev/null || missing="$missing nodejs npm"
# Under its Debian name; Ubuntu's is called otherwise, and is no Debian package.
command -v firefox-esr >/dev/null || command -v firefox >/dev/null || firefox=firefox-esr
[ -z "$missing$firefox" ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "Installing for the tests:$missing $firefox"
    apt-get -qq update
    # Services are not to be started: the tests run servers of their own.
    install() {
        DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get -qq install --no-install-recommends --yes "$@" >/dev/null
    }
    { [ -z "$missing" ] || install $missing; } && missing=
    { [ -z "$firefox" ] || install $firefox; } && firefox=
    [ -z "$missing$firefox" ] && exit 0
fi
echo "Not found:$missing $firefox. Tests that need them will be skipped; install them to run everything." >&2
