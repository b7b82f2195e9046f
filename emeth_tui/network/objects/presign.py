"""Presigned URLs: whoever holds one may make that one request until it expires."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import quote


class Presigner:
    """Signs `method path` with an expiry, and checks such a signature."""

    def __init__(
        self, secret: bytes, *, lifetime_s: float, now_unix_s: Callable[[], float] = time.time
    ) -> None:
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._now_unix_s = now_unix_s

    def sign(self, method: str, path: str) -> str:
        """Return the path and query of a presigned URL."""
        expires_ms = int((self._now_unix_s() + self._lifetime_s) * 1_000)
        return f"{quote(path)}?expires={expires_ms}&signature={self._digest(method, path, expires_ms)}"

    def problem_with(self, method: str, path: str, expires: str, signature: str) -> str | None:
        """Return why a request is refused; None when its URL is good."""
        if not (expires.isascii() and expires.isdecimal() and len(expires) <= 20):
            return "the URL is not signed"
        expires_ms = int(expires)
        digest = self._digest(method, path, expires_ms)
        if not hmac.compare_digest(digest.encode(), signature.encode("utf-8", "replace")):
            return "the URL's signature is wrong"
        if self._now_unix_s() * 1_000 > expires_ms:
            return "the URL has expired"
        return None

    def _digest(self, method: str, path: str, expires_ms: int) -> str:
        message = f"{method}\n{path}\n{expires_ms}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
