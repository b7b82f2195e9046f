"""Text from strangers, made safe for a screen or a log line."""

from __future__ import annotations

import re
from typing import NewType
from urllib.parse import urlsplit

MAX_FOREIGN_CHARS = 200
_URL = re.compile(  # as far as the next one in a list with commas
    r"://(?P<user>[^/?#\\,]*@)?(?P<host>[^/?#\\,]*)"
    r"(?P<rest>(?:(?!,\s*[A-Za-z][A-Za-z0-9+.-]*://).)*)",
    re.DOTALL,
)

# What others said: an operating system, a library, a server. No words of ours, which have translations.
ForeignText = NewType("ForeignText", str)


def clean(text: str) -> str:
    """Replace control and invisible characters by visible dots."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "·" for character in text)


def one_line(text: object, limit: int = MAX_FOREIGN_CHARS) -> ForeignText:
    """Show foreign text on one printable line of at most `limit` characters."""
    # Cut before anything else: the text may be megabytes long.
    plain = " ".join(str(text)[: 4 * limit].split())
    printable = "".join(char if char.isprintable() else "?" for char in plain)
    return ForeignText(printable if len(printable) <= limit else printable[: limit - 1] + "…")


def system_text(error: OSError) -> ForeignText:
    """Return what the operating system says of an error, without the path, which is said beside it."""
    return one_line(error.strerror or error)


def endpoint(url: str) -> str:
    """Name an endpoint without what may be secret in it: user, password, path and query hold API keys.

    What is not a URL is left out.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
    except ValueError:
        return "…"
    return one_line(f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}")


def without_secrets(text: str) -> str:
    """Return a text with "…" for what may be secret in its URLs, which may be invalid ones."""
    return _URL.sub(_host_alone, text)


def _host_alone(url: re.Match[str]) -> str:
    rest = url["rest"]
    if "@" in rest:  # there is a slash in a password
        return "://…"
    return f"://{'…@' if url['user'] else ''}{url['host']}{rest[:1]}{'…' if rest[1:] else ''}"
