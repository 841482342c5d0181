"""A token instead of accounts, and instances that change nothing. Both are off by default.

With LOPTSCOPE_TOKEN (``serve --token``) a visitor logs in with the token once, by the link that is printed at the start or on a page that asks
for it, and has a cookie from then on; programs send ``Authorization: Bearer TOKEN``. With LOPTSCOPE_READ_ONLY (``serve --read-only``)
nothing can be trained, imported, changed or deleted.
"""

import hashlib
import hmac
import os
from datetime import timedelta
from html import escape
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, g, redirect, request, session
from werkzeug.wrappers import Response as WSGIResponse

from app.security.hosts import HEALTH
from app.shared.http import SAFE, foreign, refuse
from app.shared.read_only import SENTENCE
from core.errors import InputError

TOKEN = "LOPTSCOPE_TOKEN"
SHORTEST = 16  # characters of a token
LASTS = timedelta(days=30)
LOGIN = "/login"
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Loptscope: log in</title><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ display: grid; place-content: center; min-height: 90vh; margin: 1rem }}
form {{ display: grid; gap: .75rem; max-width: 22rem }}
input, button {{ font: inherit; padding: .5rem .75rem }}
p {{ margin: 0 }}
</style></head><body><main><form method="post" action="/login?{query}">
<h1>Loptscope</h1><p role="alert">{said}</p>
<label for="token">Token, as printed where the dashboard was started</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button></form></main></body></html>"""


def token() -> str | None:
    """The token that visitors need; None if everybody may come in.

    Raises:
        InputError: it is too short.
    """
    value = os.environ.get(TOKEN)
    if value and len(value) < SHORTEST:
        raise InputError(f"{TOKEN} must have at least {SHORTEST} characters (got {len(value)})")
    return value or None


def is_known() -> bool:
    """Whether the current request has shown the token."""
    return bool(g.get("known", False))


def from_the_page() -> bool:
    """Whether a browser says that the current request comes from one of the dashboard's own pages."""
    said = request.headers.get("Sec-Fetch-Site") == "same-origin" or "Origin" in request.headers
    return said and not foreign()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _inside(address: str) -> str:
    """An address of this site from what a link says; the first page if it leads elsewhere."""
    parts = urlsplit(address)
    here = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return address if here and address.isprintable() else "/"


def _form(status: int, said: str = "") -> Response:
    query = urlencode({"next": _inside(request.args.get("next", "/"))})
    response = Response(PAGE.format(query=escape(query), said=escape(said)), mimetype="text/html")
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def ask_for_token(server: Flask, expected: str, *, open_paths: tuple[str, ...] = ()) -> None:
    """Let in only those who know the token.

    Args:
        server: the application.
        expected: the token.
        open_paths: beginnings of paths with a token of their own.
    """
    server.secret_key = hashlib.blake2b(expected.encode(), person=b"loptscope-login").digest()
    server.config.update(
        SESSION_COOKIE_NAME="loptscope",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=LASTS,
    )

    def enter(address: str) -> WSGIResponse:
        session.clear()
        session.permanent = True
        session["in"] = True
        response = redirect(address, 303)
        response.headers["Cache-Control"] = "no-store"
        return response

    @server.before_request
    def check() -> WSGIResponse | None:
        if request.path in (HEALTH, LOGIN) or request.path.startswith(open_paths):
            return None
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() in ("bearer", "token") and _same(given.strip(), expected):
            g.known = True
            return None
        if session.get("in") is True:
            g.known = True
            return None
        given = request.args.get("token", "")
        if request.method == "GET" and given and _same(given, expected):
            left = [(name, value) for name, value in request.args.items(multi=True) if name != "token"]
            return enter(_inside(request.path + (f"?{urlencode(left)}" if left else "")))
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(f"{LOGIN}?{urlencode({'next': _inside(request.full_path.rstrip('?'))})}", 303)
        refusal = refuse(401, "log in first, or send the token as 'Authorization: Bearer TOKEN'")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    @server.get(LOGIN)
    def login() -> Response:
        return _form(200)

    @server.post(LOGIN)
    def log_in() -> WSGIResponse:
        request.max_content_length = 4096
        if foreign():
            return refuse(403, "log in on the dashboard's own page")
        if not _same(request.form.get("token", "").strip(), expected):
            return _form(403, "That is not the token.")
        return enter(_inside(request.args.get("next", "/")))


def forbid_changes(server: Flask) -> None:
    """Refuse every request that would change something."""

    @server.before_request
    def check() -> Response | None:
        if request.method in SAFE or not request.path.startswith("/api/"):
            return None
        return refuse(403, SENTENCE)
