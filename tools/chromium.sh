#!/bin/sh
# Find a Chromium for the browser tests: LOPTSCOPE_CHROMIUM, or /usr/bin/chromium, which is installed if necessary.
set -u

chromium=${LOPTSCOPE_CHROMIUM:-/usr/bin/chromium}

present() {
    [ -f "$chromium" ] && [ -x "$chromium" ]
}

# Only if no password is needed, and never if LOPTSCOPE_CHROMIUM is set.
bring() {
    [ -z "${LOPTSCOPE_CHROMIUM:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u 2>/dev/null)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
    echo "Installing Chromium for the browser tests (apt-get install chromium)."
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=120 chromium >/dev/null
}

present && exit 0
bring
present && exit 0
echo "There is no Chromium at $chromium: install one there (on Debian: apt-get install chromium)," \
    "or set LOPTSCOPE_CHROMIUM to the path of a Chromium or Chrome." >&2
exit 1
