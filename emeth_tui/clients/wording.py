"""Foreign text made fit for a log line: cut short and stripped of control codes."""

from __future__ import annotations

from urllib.parse import urlsplit

MAX_FOREIGN_CHARS = 200


def one_line(text: object, limit: int = MAX_FOREIGN_CHARS) -> str:
    """Show foreign text on one printable line of at most `limit` characters."""
    # Cut before anything else: the text may be megabytes long.
    plain = " ".join(str(text)[: 4 * limit].split())
    printable = "".join(char if char.isprintable() else "?" for char in plain)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def endpoint(url: str) -> str:
    """Name an endpoint without what may be secret in it: user, password, path and query hold API keys."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = parts.hostname or ""
    except ValueError:
        return "an address that is not a URL"
    return one_line(f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}")
