"""This node's measurements of its own work, the newest of each kind: speeds, sizes and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from emeth_tui.store.connection import Connection

KEPT_MEASUREMENTS = 32  # of each gauge


class Quantity(str, Enum):
    """What is measured: an amount of one thing per amount of another."""

    TRAINING = "training"  # tokens per second
    VALIDATION = "validation"  # tokens per second
    SAVING = "saving"  # seconds that checkpoints take, per second of training
    LOADING = "loading"  # seconds per start: model, warm-up, everything but the tokens
    TOKENISING = "tokenising"  # bytes of the dataset per second
    TOKENS = "tokens"  # tokens of an epoch per byte of the dataset
    VALID_TOKENS = "valid_tokens"  # tokens of a validation per byte of the dataset
    WRITING = "writing"  # seconds per result file
    DOWNLOAD = "download"  # bytes per second
    UPLOAD = "upload"  # bytes per second


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is measured and what it depends on: a device or host, a model, a language; "" for none.

    `batch` is how many blocks a step learns from, which the speed of training depends on; 0 for none.
    """

    quantity: Quantity
    place: str = ""
    model: str = ""
    language: str = ""
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """An amount of one thing per amount of another. `per` is above 0, and is the measurement's weight."""

    gauge: Gauge
    amount: float
    per: float

    @property
    def value(self) -> float:
        return self.amount / self.per


class MeasurementTable:
    """Keeps the newest KEPT_MEASUREMENTS of each gauge. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, measurements: Sequence[Measurement], *, at_unix_s: float) -> None:
        """Store all of these, or none when that fails."""
        self._connection.execute("BEGIN")
        try:
            for measurement in measurements:
                self._add(measurement, at_unix_s)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def all(self) -> list[Measurement]:
        """Return all measurements, oldest first, except of quantities that only another version knows."""
        known = {quantity.value for quantity in Quantity}
        rows = self._connection.execute(
            "SELECT quantity, place, model, language, batch, amount, per FROM measurements ORDER BY id"
        )
        return [
            Measurement(Gauge(Quantity(row[0]), *row[1:5]), row[5], row[6]) for row in rows if row[0] in known
        ]

    def _add(self, measurement: Measurement, at_unix_s: float) -> None:
        gauge = measurement.gauge
        key = (gauge.quantity.value, gauge.place, gauge.model, gauge.language, gauge.batch)
        self._connection.execute(
            "INSERT INTO measurements (quantity, place, model, language, batch, amount, per, at_unix_s) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, measurement.amount, measurement.per, at_unix_s),
        )
        self._connection.execute(
            "DELETE FROM measurements WHERE quantity = ? AND place = ? AND model = ? AND language = ? "
            "AND batch = ? AND id NOT IN (SELECT id FROM measurements WHERE quantity = ? AND place = ? "
            "AND model = ? AND language = ? AND batch = ? ORDER BY id DESC LIMIT ?)",
            (*key, *key, KEPT_MEASUREMENTS),
        )
