"""The hash chain that proves to a verifier that the epochs were trained (protocol.md §9).

    d   = sha256hex(" ".join(words))
    h_1 = sha256hex(d + key)
    h_k = sha256hex(h_{k-1} + str(k-1) + key)

A link is made only when its epoch has really been trained. The digest `d` holds no secret, so a
worker process computes it; the key stays with the parent, which folds it in.
"""

from __future__ import annotations

import hashlib

RESULT_NAME = "checkpoint.pt"  # the result file that holds the last link, protocol.md §9


class DatasetDigest:
    """Hashes the words of a dataset that arrives in strings, cut anywhere, even within a word."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._between_words = False
        self._empty = True

    def update(self, text: str) -> None:
        """Add the next string of the original file, not of a split part."""
        words = " ".join(text.split())
        if not words:
            self._between_words = self._between_words or bool(text)
            return
        if not self._empty and (self._between_words or text[0].isspace()):
            self._hash.update(b" ")
        self._hash.update(words.encode("utf-8"))
        self._between_words, self._empty = text[-1].isspace(), False

    def hexdigest(self) -> str:
        """Return `d` of everything added so far, in lower case."""
        return self._hash.hexdigest()


def dataset_digest(text: str) -> str:
    """Return the digest `d` of a dataset's words. `text` is the original file, not a split part."""
    digest = DatasetDigest()
    digest.update(text)
    return digest.hexdigest()


def first_link(digest: str, verification_key: str) -> str:
    """Return the first epoch's link, made from the dataset's digest."""
    return _sha256_hex(digest + verification_key)


def next_link(previous: str, epoch: int, verification_key: str) -> str:
    """Return the link of `epoch` (2 or more), made from the previous epoch's link."""
    return _sha256_hex(previous + str(epoch - 1) + verification_key)


def links_from_digest(digest: str, verification_key: str, epochs: int) -> list[str]:
    """Return the links of epochs 1 to `epochs`, in order. Raise ValueError when `epochs` is negative."""
    if epochs < 0:
        raise ValueError(f"epochs is {epochs}; it cannot be negative")
    links: list[str] = []
    for epoch in range(1, epochs + 1):
        links.append(
            next_link(links[-1], epoch, verification_key) if links else first_link(digest, verification_key)
        )
    return links


def links(text: str, verification_key: str, epochs: int) -> list[str]:
    """Return a dataset's whole chain: one lower-case hex link per epoch; the last goes into the result.

    `text` is the original dataset file. Raise ValueError when `epochs` is negative.
    """
    return links_from_digest(dataset_digest(text), verification_key, epochs)


def _sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
