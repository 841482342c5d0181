#!/bin/sh
# See to it that the tests of the queue have a Redis server: LOPTSCOPE_REDIS, or else redis-server, installed if need be.
set -u

server=${LOPTSCOPE_REDIS:-redis-server}

present() {
    command -v "$server" >/dev/null 2>&1
}

# Only where that needs no password, and never in place of a server that was named.
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
    # RUNLEVEL: the tests start servers of their own, none is to run beside them
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -qq --yes --no-install-recommends -o DPkg::Lock::Timeout=120 redis-server >/dev/null
}

present && exit 0
bring
present && exit 0
echo "There is no $server: install it (on Debian: apt-get install redis-server)," \
    "or set LOPTSCOPE_REDIS to the path of a Redis server." >&2
exit 1
