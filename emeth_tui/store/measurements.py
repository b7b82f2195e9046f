"""This node's measurements of its own work: the newest speeds, sizes and seconds; what each device took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from emeth_tui.model import JobId
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
    SENDING = "sending"  # bytes per second, to a host
    FETCHING = "fetching"  # bytes per second, from a host
    AVERAGING = (
        "averaging"  # bytes of all members' weights per second, from the last member to the next epoch
    )


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


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """How long a device had a job on a day, and the energy that it took; None where nothing measured it."""

    slot: int  # the UTC day
    device: str
    job_id: JobId
    work_ms: int
    energy_mj: int | None


class EnergyTable:
    """Adds up what devices used. Every write is durable when its call returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, uses: Iterable[DeviceUse]) -> None:
        """Add to what is known of each day, device and job; all of these, or none when that fails."""
        self._connection.execute("BEGIN")
        try:
            for use in uses:
                self._connection.execute(
                    "INSERT INTO device_use (slot, device, job_id, work_ms, energy_mj) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (slot, device, job_id) DO UPDATE SET "
                    "work_ms = work_ms + excluded.work_ms, energy_mj = CASE "
                    "WHEN excluded.energy_mj IS NULL THEN energy_mj "
                    "ELSE COALESCE(energy_mj, 0) + excluded.energy_mj END",
                    (use.slot, use.device, use.job_id, use.work_ms, use.energy_mj),
                )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def all(self) -> list[DeviceUse]:
        """Return everything, the oldest day first."""
        return self._select("")

    def of_job(self, job_id: JobId) -> list[DeviceUse]:
        """Return what devices used for a job, the oldest day first."""
        return self._select("WHERE job_id = ?", job_id)

    def power_by_device(self, since_slot: int) -> dict[str, tuple[int, int]]:
        """Return the energy in mJ and the time in ms that each device took since a day, where measured."""
        rows = self._connection.execute(
            "SELECT device, SUM(energy_mj), SUM(work_ms) FROM device_use "
            "WHERE slot >= ? AND energy_mj IS NOT NULL GROUP BY device",
            (since_slot,),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def _select(self, clause: str, *values: object) -> list[DeviceUse]:
        rows: Sequence[tuple[int, str, str, int, int | None]] = self._connection.execute(
            "SELECT slot, device, job_id, work_ms, energy_mj FROM device_use "  # noqa: S608
            f"{clause} ORDER BY slot, device, job_id",
            values,
        ).fetchall()
        return [DeviceUse(row[0], row[1], JobId(row[2]), row[3], row[4]) for row in rows]
