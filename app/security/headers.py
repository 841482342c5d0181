"""What every answer tells the browser to refuse."""

import base64
import hashlib
import re
from collections.abc import Iterable

INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", re.DOTALL)

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def hashes(page: str) -> list[str]:
    """The sources of a page's own inline scripts for a content security policy."""
    digests = (hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def policy(scripts: Iterable[str] = ()) -> str:
    """The content security policy.

    Args:
        scripts: inline scripts that may run, from `hashes`; no other may, and no text becomes a script.
    """
    return "; ".join(
        [
            "default-src 'self'",
            " ".join(["script-src 'self'", *dict.fromkeys(scripts)]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


def security_headers(scripts: Iterable[str] = ()) -> dict[str, str]:
    """The headers by name."""
    return {**FIXED, "Content-Security-Policy": policy(scripts)}
