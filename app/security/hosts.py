"""The host names under which the dashboard answers.

A page of another site can point its own name at this machine (DNS rebinding) and then read and change everything here as if it were
its own. Its requests carry its name, so only requests for a name that is expected here are answered.
"""

import ipaddress
import os
import re
from collections.abc import Sequence

from flask import Flask, Response, request

from app.shared.http import refuse
from core.errors import InputError

VARIABLE = "LOPTSCOPE_HOSTS"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = "*"
HEALTH = "/healthz"  # says nothing about anybody, and is asked by address


def is_loopback(address: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def accepted(address: str) -> tuple[str, ...]:
    """The accepted host names: those in LOPTSCOPE_HOSTS, otherwise the loopback names.

    Args:
        address: that the server listens on.

    Raises:
        InputError: others can reach that address, and LOPTSCOPE_HOSTS does not say under which names; or a name is invalid.
    """
    given = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    for name in given:
        if name != ANY and not re.fullmatch(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]", name):
            raise InputError(f"{VARIABLE} must be host names without ports, separated by commas (got {name[:60]!r})")
    if given:
        return tuple(given)
    if is_loopback(address):
        return LOOPBACK
    raise InputError(
        f"others can reach {address}: set {VARIABLE} to the host names in your links, separated by commas, as in "
        f"{VARIABLE}=loptscope.example.org"
    )


def is_among(host: str, names: Sequence[str]) -> bool:
    """Whether a request's host, with or without a port, is one of some names; ".example.org" holds for all subdomains."""
    parts = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", host.lower())
    if parts is None:
        return False
    known = [name.lower() for name in names]
    return any(parts[1] == name or (name[0] == "." and f".{parts[1]}".endswith(name)) for name in known)


def check_hosts(server: Flask, names: Sequence[str]) -> None:
    """Refuse requests for other host names, except for the health check."""

    @server.before_request
    def check() -> Response | None:
        if ANY in names or request.path == HEALTH or is_among(request.host, names):
            return None
        return refuse(
            400, f"this dashboard does not answer under that name: {VARIABLE} lists the names that it answers under"
        )
