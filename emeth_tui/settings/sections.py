"""The tables of the settings file: each setting's type, default, bounds, and the description that users read.

A setting is a `Field` of its section with a `description`; a number has both bounds, `ge` and `le`. The
example file, the settings screen and the environment variables follow from it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from emeth_tui.model import WEI_PER_TOKEN, AlertTopic, Averaging, Language, Prices, token_to_wei
from emeth_tui.notices.reasons.settings import MinAboveMax
from emeth_tui.settings.basics import DEFAULT_THEME, PASSWORD_VARIABLE, InvalidSetting
from emeth_tui.settings.credentials import WEBHOOK_SECRET_VARIABLE
from emeth_tui.settings.values import (
    Address,
    AlertTopics,
    BaseUrl,
    BatchSize,
    Currency,
    DeviceHours,
    Devices,
    Emt,
    HoldRules,
    Hosts,
    HoursOfWeek,
    Languages,
    Listen,
    ModelName,
    Number,
    Price,
    PricesBefore,
    SecretUrl,
    Symbol,
    TerminalAlerts,
    TimeZone,
    Urls,
    UserPath,
    Verification,
    Whole,
    read_earlier,
)

_MAX_CHAIN_ID = 9_223_372_036_854_775_771  # EIP-2294
_MAX_EMT = 1_000_000_000
_MAX_PRICE = 1_000_000_000_000
_MAX_DATASET_BYTES = 1_000_000_000_000
_MAX_MARGIN_S = 2_592_000  # 30 days


def _scaled(amount: float, factor: int) -> int:
    """Return an amount in its smallest unit, as it was written and not as a float holds it."""
    return int(Decimal(str(amount)) * factor)


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class Network(Section):
    """A network that follows the protocol: its chain, contracts and services (protocol.md §2)."""

    name: str = ""
    chain_id: Whole = Field(
        ge=1, le=_MAX_CHAIN_ID, description="the chain's id; a node refuses to run on any other chain"
    )
    native_symbol: Symbol = Field(
        "ETH", description="symbol of the native token, which pays for transactions"
    )
    rpc_urls: Urls = Field(
        repr=False,  # providers put their customers' keys into the path
        default_factory=list,
        description="URLs of JSON-RPC endpoints: the first is used, and the next when it does not answer",
    )
    core_address: Address = Field("", description="address of the EmethCore contract", validate_default=False)
    token_address: Address = Field(
        "", description="address of the EMT token contract", validate_default=False
    )
    first_block: Whole = Field(
        0, ge=0, le=2**53, description="block before which nothing of the network is on the chain"
    )
    storage_url: BaseUrl = Field("", description="URL of the storage API", validate_default=False)
    storage_hosts: Hosts = Field(
        default_factory=list,
        description="further hosts that the storage's presigned URLs may lead or redirect to, whatever their "
        "address; any host with a public address, and the storage's own, needs no mention",
    )
    info_url: BaseUrl = Field("", description="URL of the info server", validate_default=False)
    verification_key: SecretStr = Field(
        SecretStr(""), description="secret key of the hash chain, from the network's operator"
    )
    verification_key_file: UserPath | None = Field(
        None, description="file whose first line is that key, such as a systemd credential"
    )
    models: dict[Language, ModelName] = Field(
        description="model of each language: name on the Hugging Face hub, local directory, or devnet-small"
    )
    safety_margin_s: Whole = Field(
        3_600, ge=0, le=_MAX_MARGIN_S, description="seconds to spare before a job's deadline"
    )
    poll_interval_s: Number = Field(
        10.0, ge=0.1, le=3_600, description="seconds between looks at the jobs and the chain"
    )
    verification: Verification = Field(
        "chain",
        description="how results are verified: chain asks for the hash chain of the epochs, loss for what "
        "was learnt of the job's own text as well, replay for states of the training, of which some epochs "
        "are trained again",
    )
    delivery_s: Whole = Field(
        7_200, ge=60, le=604_800, description="seconds that a node has to deliver the states of drawn epochs"
    )
    appeal_s: Whole = Field(
        0,
        ge=0,
        le=604_800,
        description="seconds that a node has to appeal before its result is rejected; 0: no appeals",
    )
    confirmations: Whole = Field(
        1, ge=1, le=100, description="blocks after which a transaction counts as final"
    )


class WalletSettings(Section):
    """The account that stakes deposits and earns."""

    keystore: UserPath | None = Field(
        None,
        examples=["~/emeth/keystore.json"],
        description="keystore file (version 3); default: keystore.json next to the settings file",
    )
    password_file: UserPath | None = Field(
        None,
        examples=["~/emeth/password"],
        description="file whose first line is the keystore's password; "
        f"{PASSWORD_VARIABLE} overrides it; without either, you are asked",
    )


class ClaimSettings(Section):
    """Which jobs to take."""

    enabled: bool = Field(True, description="take new jobs")
    min_fee_emt: Emt = Field(Decimal(10), ge=0, le=_MAX_EMT, description="lowest fee to accept, in EMT")
    max_fee_emt: Emt = Field(
        Decimal(30),
        ge=0,
        le=_MAX_EMT,
        description="highest fee to accept, in EMT; the deposit grows with the fee",
    )
    min_dataset_bytes: Whole = Field(
        4_096, ge=0, le=_MAX_DATASET_BYTES, description="smallest dataset to accept, in bytes"
    )
    max_dataset_bytes: Whole = Field(
        200_000_000, ge=1, le=_MAX_DATASET_BYTES, description="largest dataset to accept, in bytes"
    )
    min_net: Price | None = Field(
        None,
        ge=-_MAX_PRICE,
        le=_MAX_PRICE,
        examples=[0],
        description="least that a job should leave after fees and energy, in rewards.currency at your "
        "prices; default: no floor",
    )
    languages: Languages = Field(
        [language.value for language in Language], description="languages of the jobs to take"
    )
    safety_margin_s: Whole | None = Field(
        None,
        ge=0,
        le=_MAX_MARGIN_S,
        examples=[3600],
        description="seconds to spare before a job's deadline; default: the network's",
    )
    poll_interval_s: Number | None = Field(
        None,
        ge=0.1,
        le=3_600,
        examples=[10],
        description="seconds between searches for jobs; default: the network's",
    )
    unusable_dataset: Literal["hold", "decline"] = Field(
        "hold",
        description="what becomes of the deposit when a dataset cannot be trained on, or no worker can make "
        "the deadline any more: hold keeps it until you decide or the job times out, decline gives the job "
        "back at once",
    )

    appeal: bool = Field(
        True,
        description="appeal by itself when a verifier means to reject a result, where the network has "
        "appeals",
    )

    @model_validator(mode="after")
    def _something_can_suit(self) -> ClaimSettings:
        for name in ("fee_emt", "dataset_bytes"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if least > most:
                raise InvalidSetting(
                    MinAboveMax(f"claims.min_{name}", str(least), f"claims.max_{name}", str(most))
                )
        return self


class LimitSettings(Section):
    """What you risk and pay at most. Claims by hand keep to it as well, but to the day's losses."""

    max_staked_emt: Emt | None = Field(
        None,
        ge=0,
        le=_MAX_EMT,
        examples=[100],
        description="most EMT staked on jobs at once; default: no limit",
    )
    max_lost_emt: Emt | None = Field(
        None,
        ge=0,
        le=_MAX_EMT,
        examples=[20],
        description="EMT lost on a day (UTC) at which claiming stops until the next day, or until you resume "
        "it; default: no limit",
    )
    max_gas_price_gwei: Number = Field(
        100.0,
        ge=0,
        le=1_000_000,
        description="highest price of gas to pay, in gwei: no job is taken and no transaction sent above it",
    )
    max_job_fee_native: Number = Field(
        0.1,
        ge=0,
        le=1_000_000,
        description="most native token that the transactions of a job may cost together",
    )
    min_native_balance: Number = Field(
        0.0,
        ge=0,
        le=1_000_000_000,
        description="native token below which no job is taken; what jobs under way may need is kept anyway",
    )

    @property
    def max_staked_wei(self) -> int | None:
        return None if self.max_staked_emt is None else token_to_wei(self.max_staked_emt)

    @property
    def max_lost_wei(self) -> int | None:
        return None if self.max_lost_emt is None else token_to_wei(self.max_lost_emt)

    @property
    def max_gas_price_wei(self) -> int:
        return _scaled(self.max_gas_price_gwei, 10**9)

    @property
    def max_job_fee_wei(self) -> int:
        return _scaled(self.max_job_fee_native, WEI_PER_TOKEN)

    @property
    def min_native_wei(self) -> int:
        return _scaled(self.min_native_balance, WEI_PER_TOKEN)


class RewardSettings(Section):
    """Rewards of closed days."""

    auto_withdraw: bool = Field(True, description="withdraw the rewards of closed days automatically")
    currency: Currency | None = Field(
        None, examples=["JPY"], description="currency that you keep your books in; all prices are in it"
    )
    emt_price: Price | None = Field(
        None,
        ge=0,
        le=_MAX_PRICE,
        examples=[12.5],
        description="price of 1 EMT by your books, for the values in `rewards`; nobody is asked for it",
    )
    native_price: Price | None = Field(
        None,
        ge=0,
        le=_MAX_PRICE,
        examples=[0.02],
        description="price of 1 of the chain's own token by your books, for the values of fees",
    )
    energy_price: Price | None = Field(
        None,
        ge=0,
        le=_MAX_PRICE,
        examples=[0.31],
        description="price of 1 kWh by your bill, for what energy costs and what a job leaves net",
    )
    earlier_prices: PricesBefore = Field(
        default_factory=list,
        examples=[["before 2026-07-01 emt 0.95 energy 0.28"]],
        description="prices that held before a date (UTC), where they were others than those above; what an "
        "entry does not name is as after it",
    )

    @property
    def prices(self) -> Prices:
        earlier = read_earlier(self.earlier_prices)
        return Prices(self.currency or "", self.emt_price, self.native_price, self.energy_price, earlier)


class WorkerSettings(Section):
    """The devices that train."""

    devices: Devices = Field(
        default_factory=list,
        description='devices to train on, one worker each, such as ["cuda:0", "cuda:1"] or ["cpu", "cpu"]; '
        "empty: every GPU, or one CPU if there is none",
    )


class TrainingSettings(Section):
    """How to train. The defaults are each model's own."""

    batch_size: BatchSize = Field(
        "auto",
        description="blocks per optimiser step, fixed when a job is claimed and split to fit the device's "
        "memory; auto: the model's own, for a small text fewer",
    )
    learning_rate: Number | None = Field(
        None, ge=1e-9, le=1, examples=[0.00025], description="peak learning rate; default: the model's own"
    )
    cooperative: Literal["1v1", "nvm"] = Field(
        "1v1",
        description="1v1: each worker has a job of its own; nvm: the free workers share out one job, each "
        "with a part of its text, where that takes clearly less time",
    )
    averaging: Averaging = Field(
        "int8",
        description="what members of a shared job send each other between machines: int8: differences from "
        "the last average, a byte a weight; fp32: weights in full; fixed when the job is shared out",
    )
    model_en: ModelName | None = Field(
        None, examples=["gpt2-medium"], description="model for English jobs; default: the network's"
    )
    model_ja: ModelName | None = Field(
        None,
        examples=["rinna/japanese-gpt2-medium"],
        description="model for Japanese jobs; default: the network's",
    )
    release_on_pause: bool = Field(
        False,
        description="free the device's memory while a job is paused; the job resumes from its checkpoint",
    )
    moments_on_hosts: bool = Field(
        True,
        description="whether checkpoints of other machines hold the optimiser's moments; without them there "
        "is a third as much to send home, and a job that goes on from one begins its moments anew",
    )
    checkpoint_gb_a_day: Number = Field(
        1_000.0,
        ge=1,
        le=1_000_000,
        description="checkpoints that each device may write a day, in GB (10^9 bytes); "
        "one every 400 s in any case",
    )


class ScheduleSettings(Section):
    """Hours of the week to claim and to train in, by the clock on the wall."""

    time_zone: TimeZone = Field(
        "", description="zone of the clock, such as Europe/Berlin or Asia/Tokyo; empty: this machine's"
    )
    claims: HoursOfWeek = Field(
        default_factory=list,
        description='hours to take jobs in, such as ["mon-fri 22:00-06:00", "sat"]; empty: all hours',
    )
    training: HoursOfWeek = Field(
        default_factory=list,
        description="hours to train in; outside them the devices are held, and their jobs wait; "
        "empty: all hours",
    )
    devices: DeviceHours = Field(
        default_factory=list,
        description='hours to train in on single devices instead, such as ["cuda:0 20:00-07:00"]',
    )
    job_at_risk: Literal["finish", "decline", "hold"] = Field(
        "finish",
        description="what becomes of a job that a pause would make miss its deadline: finish trains it to "
        "its end first, decline gives it back before, hold pauses it all the same",
    )


class RulesSettings(Section):
    """When devices rest because of heat, power, other programs, memory or battery."""

    hold: HoldRules = Field(
        default_factory=list,
        examples=[["temperature above 83 until 75", "cuda:1 others-gpu-memory above 500 until 100 for 5m"]],
        description="rules by which devices rest, such as temperature above 83 for 10s until 75 for 1m; a "
        "device before it makes it that device's alone. Figures: temperature, memory-temperature, margin "
        "(°C), power (W), fan (%), others-gpu-memory (MB), others-cpu (%), free-memory (MB), battery (%), "
        "on-battery",
    )


class CacheSettings(Section):
    """Disk space for datasets, checkpoints and results."""

    directory: UserPath | None = Field(
        None,
        examples=["~/emeth/cache"],
        description="directory of datasets, checkpoints, results; default: the platform's cache directory",
    )
    limit_gb: Number = Field(
        60.0,
        ge=0.000001,
        le=1_000_000,
        description="disk space for jobs, including what a claim reserves, in GB (10^9 bytes)",
    )


class StateSettings(Section):
    """Database, journal and logs."""

    directory: UserPath | None = Field(
        None,
        examples=["~/emeth/state"],
        description="directory of database, journal and logs; default: the platform's state directory",
    )


class ScreenSettings(Section):
    """The look of the screen."""

    theme: str = Field(
        DEFAULT_THEME,
        description="built-in theme, or one of your own from themes/ next to the settings file",
    )
    language: Literal["", "en", "ja"] = Field("", description="en or ja; empty: the locale's language")
    ascii: bool = Field(
        False, description="draw with ASCII characters only, as on a terminal that has no others"
    )
    read_only: bool = Field(
        False, description="screens attached to a running node give it no commands, they only look"
    )


class MetricsSettings(Section):
    """Figures for Prometheus, at /metrics."""

    listen: Listen = Field(
        "",
        examples=["127.0.0.1:9101"],
        description="address and port to serve metrics on, such as 127.0.0.1:9101; empty: none are served",
    )


class AlertSettings(Section):
    """Messages when something happens: on the terminal, the desktop, to a webhook or any other service."""

    topics: AlertTopics = Field(
        [topic.value for topic in AlertTopic if topic is not AlertTopic.DEVICE_HELD],
        description="what to send alerts of; by default not of device_held, which hours do every day",
    )
    terminal: TerminalAlerts = Field(
        default_factory=list,
        description='ways to show alerts on the terminal, such as ["bell", "osc9"]: bell rings, osc9 and '
        "osc777 are notifications that many terminals know, title changes the window's title",
    )
    desktop: bool = Field(False, description="show alerts on the desktop, by notify-send")
    webhook_url: SecretUrl | None = Field(
        None,
        examples=["https://example.org/emeth"],
        description="URL that alerts are posted to as JSON, signed with the secret",
    )
    webhook_secret_file: UserPath | None = Field(
        None,
        examples=["~/emeth/webhook-secret"],
        description="file whose first line is the webhook's secret; "
        f"{WEBHOOK_SECRET_VARIABLE} overrides it, a systemd credential may replace it",
    )
    apprise_file: UserPath | None = Field(
        None,
        examples=["~/emeth/apprise-urls"],
        description="file of other services' URLs, one a line, as apprise has them; needs the notify extra",
    )
    quiet_hours: HoursOfWeek = Field(
        default_factory=list,
        description='hours in which alerts wait, such as ["22:00-07:00"], and then come as one; empty: none',
    )
    urgent: AlertTopics = Field(
        default_factory=list, description='topics that do not wait for the morning, such as ["job_at_risk"]'
    )
    gather_s: Whole = Field(
        300,
        ge=0,
        le=86_400,
        description="seconds from one message until the next; alerts between them come as one",
    )


class LogSettings(Section):
    """The log file in the state directory, and what a node without a screen prints."""

    format: Literal["text", "json"] = Field(
        "text", description="what a node without a screen prints: text for people, json for programs"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest severity that a node without a screen prints"
    )
    max_file_mb: Whole = Field(10, ge=1, le=1_000, description="size in MB at which the log file is rotated")
    keep_files: Whole = Field(5, ge=1, le=100, description="number of rotated log files to keep")
