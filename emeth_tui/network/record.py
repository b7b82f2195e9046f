"""A deployment on record: what was decided, and every transaction that was signed, before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from emeth_tui.errors import ServiceError
from emeth_tui.foreign_text import system_text
from emeth_tui.network.deploy import Terms
from emeth_tui.network.files import read_json, write_json
from emeth_tui.notices.reasons.files import Unwritable
from emeth_tui.notices.reasons.local.serving import KeptFileDamaged


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a deployment began: on which chain, by whom, under which nonces, above which block."""

    chain_id: int
    genesis_hash: str
    deployer: str
    first_nonce: int
    first_block: int


class DeploymentRecord:
    """The journal of one deployment, in a private file that is written whole each time."""

    def __init__(self, path: Path, beginning: Beginning, terms: Terms) -> None:
        self.path = path
        self.beginning = beginning
        self.terms = terms
        self._signed: dict[int, list[str]] = {}

    @classmethod
    def read(cls, path: Path) -> DeploymentRecord | None:
        """Return the record of an earlier run; None where there is none. Raise ServiceError."""
        content = read_json(path)
        if content is None:
            return None
        try:
            record = cls(
                path,
                TypeAdapter(Beginning).validate_python(content["beginning"]),
                TypeAdapter(Terms).validate_python(content["terms"]),
            )
            signed: dict[int, list[str]] = TypeAdapter(dict[int, list[str]]).validate_python(
                content["signed"]
            )
            record._signed = signed
            for raws in signed.values():
                [bytes.fromhex(raw) for raw in raws]
        except (LookupError, TypeError, ValueError, ValidationError):
            raise ServiceError(KeptFileDamaged(path)) from None
        return record

    @property
    def has_begun(self) -> bool:
        """Whether anything was signed."""
        return bool(self._signed)

    def write(self) -> None:
        """Write the record. Raise ServiceError."""
        content = {
            "beginning": asdict(self.beginning),
            "terms": asdict(self.terms),
            "signed": self._signed,
        }
        try:
            write_json(self.path, content)
        except OSError as error:
            raise ServiceError(Unwritable(self.path, system_text(error))) from error

    def kept(self, nonce: int) -> Sequence[bytes]:
        """Return what was signed under a nonce, oldest first."""
        return [bytes.fromhex(raw) for raw in self._signed.get(nonce, [])]

    def keep(self, nonce: int, raw: bytes) -> None:
        """Keep a signed transaction, on the disk when this returns."""
        self._signed.setdefault(nonce, []).append(raw.hex())
        self.write()
