"""All settings of a node: their sections, the directories that follow from them, and access by dotted key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, PrivateAttr
from pydantic.fields import FieldInfo

from emeth_tui.model import Language
from emeth_tui.settings.basics import APP_NAME, DEVNET, default_config_path, default_state_base
from emeth_tui.settings.sections import (
    AlertSettings,
    CacheSettings,
    ClaimSettings,
    LimitSettings,
    LogSettings,
    MetricsSettings,
    Network,
    RewardSettings,
    RulesSettings,
    ScheduleSettings,
    ScreenSettings,
    Section,
    StateSettings,
    TrainingSettings,
    WalletSettings,
    WorkerSettings,
)
from emeth_tui.settings.values import (
    Keys,
    NetworkName,
)

BYTES_PER_GB = 1_000_000_000


class Settings(Section):
    """All settings of a node."""

    network: NetworkName = Field(
        DEVNET, description="network to join: devnet, round3-2, or one of your own, defined below"
    )
    wallet: WalletSettings = WalletSettings()
    claims: ClaimSettings = ClaimSettings()
    limits: LimitSettings = LimitSettings()
    rewards: RewardSettings = RewardSettings()
    workers: WorkerSettings = WorkerSettings()
    training: TrainingSettings = TrainingSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    rules: RulesSettings = RulesSettings()
    cache: CacheSettings = CacheSettings()
    state: StateSettings = StateSettings()
    screen: ScreenSettings = ScreenSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    alerts: AlertSettings = AlertSettings()
    keys: dict[str, Keys] = Field(
        default_factory=dict, description="keys of your own, by the name of what they do"
    )
    networks: dict[str, dict[str, Any]] = Field(
        repr=False,  # verification keys, and endpoints' keys in their paths
        default_factory=dict,
        description="networks of your own, or overrides of built-in ones",
    )
    _source: Path = PrivateAttr(default_factory=default_config_path)

    @property
    def source(self) -> Path:
        """The file that these settings were read from, or would be."""
        return self._source

    def with_source(self, path: Path) -> Settings:
        """Return these settings as those of another file."""
        settings = self.model_copy()
        settings._source = path
        return settings

    @property
    def state_dir(self) -> Path:
        """Directory of database, journal and logs, one per network: accounts and job ids never mix."""
        return self.state_base / self.network

    @property
    def state_base(self) -> Path:
        """Directory of every network's state: the platform's, where the settings name none."""
        return self.state.directory or default_state_base()

    @property
    def cache_base(self) -> Path:
        """Directory of every network's cache: the platform's, where the settings name none."""
        return self.cache.directory or platformdirs.user_cache_path(APP_NAME)

    @property
    def control_dir(self) -> Path:
        """Directory of the control socket; the state's lock protects it too."""
        return self.state_dir / "control"

    @property
    def jobs_dir(self) -> Path:
        """Directory with one directory per job: dataset, tokens, checkpoints, result."""
        return self.cache_base / self.network / "jobs"

    @property
    def devices_dir(self) -> Path:
        """Directory of what was measured on devices; it can be deleted and costs only time."""
        return self.jobs_dir.parent / "devices"

    @property
    def keystore_path(self) -> Path:
        return self.wallet.keystore or self.source.parent / "keystore.json"

    @property
    def cache_limit_bytes(self) -> int:
        return int(self.cache.limit_gb * BYTES_PER_GB)

    def model_for(self, language: Language, network: Network) -> str:
        """Return the model for a language: the operator's choice, else the network's."""
        own = {Language.EN: self.training.model_en, Language.JA: self.training.model_ja}[language]
        return own or network.models[language]


# The engine and the screen read these each time that they need them.
CHANGEABLE_AT_RUN_TIME = frozenset(
    {
        "claims.enabled",
        "claims.min_fee_emt",
        "claims.max_fee_emt",
        "claims.min_dataset_bytes",
        "claims.max_dataset_bytes",
        "claims.min_net",
        "claims.languages",
        "claims.unusable_dataset",
        "claims.appeal",
        "claims.safety_margin_s",
        "claims.poll_interval_s",
        "limits.max_staked_emt",
        "limits.max_lost_emt",
        "limits.max_gas_price_gwei",
        "limits.max_job_fee_native",
        "limits.min_native_balance",
        "rewards.auto_withdraw",
        "rewards.currency",
        "rewards.emt_price",
        "rewards.earlier_prices",
        "rewards.native_price",
        "rewards.energy_price",
        "training.batch_size",
        "training.learning_rate",
        "training.release_on_pause",
        "training.moments_on_hosts",
        "training.checkpoint_gb_a_day",
        "training.model_en",
        "training.model_ja",
        "schedule.time_zone",
        "schedule.claims",
        "schedule.training",
        "schedule.devices",
        "schedule.job_at_risk",
        "rules.hold",
        "alerts.topics",
        "alerts.quiet_hours",
        "alerts.urgent",
        "alerts.gather_s",
        "cache.limit_gb",
        "screen.theme",
        "screen.language",
    }
)


@cache
def fields_by_key() -> Mapping[str, FieldInfo]:
    """Return every setting that has a single value, by dotted key, in the order of the example file."""
    fields = {"network": Settings.model_fields["network"]}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for key, inner in field.annotation.model_fields.items():
                fields[f"{name}.{key}"] = inner
    return fields


def value_of(settings: Settings, key: str) -> object:
    """Return a setting by its dotted key."""
    value: object = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def with_values(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Return settings with other values, by dotted key. The caller validates the values."""
    sections: dict[str, dict[str, object]] = {}
    for dotted, value in values.items():
        section, _, key = dotted.rpartition(".")
        sections.setdefault(section, {})[key] = value
    update = sections.pop("", {})
    for name, changes in sections.items():
        update[name] = getattr(settings, name).model_copy(update=changes)
    return settings.model_copy(update=update)
