#!/bin/sh
# Find a Redis server for the tests of the queue: LOPTSCOPE_REDIS, or redis-server, which is installed if necessary.
set -u

server=${LOPTSCOPE_REDIS:-redis-server}

present() {
    command -v "$server" >/dev/null 2>&1
}

# Only if no password is needed, and never if LOPTSCOPE_REDIS is set.
bring() {
    [ -z "${LOPTSCOPE_REDIS:-}" ] && command -v apt-get >/dev/null 2>&1 || return 1
    if [ "$(id -u 2>/dev/null)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 1
    fi
    echo "Installing Redis for the tests of the queue (apt-get install redis-server)."
    $as_root apt-get update -qq
    # RUNLEVEL: the tests start their own servers, so none is started here
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server >/dev/null
}

present && exit 0
bring
present && exit 0
echo "There is no $server: install it (on Debian: apt-get install redis-server)," \
    "or set LOPTSCOPE_REDIS to the path of a Redis server." >&2
exit 1
