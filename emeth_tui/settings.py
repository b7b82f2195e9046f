"""Settings: one TOML file and the network profiles, environment and options over them, validated here.

Order of strength: command-line options, then `EMETH_TUI_*` variables, then the file, then the defaults. Every
path comes from here. Every error names the key, the value and what would be right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo

from emeth_tui.errors import SettingsError
from emeth_tui.model import Language

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from importlib.abc import Traversable

APP_NAME = "emeth-tui"
ENVIRONMENT_PREFIX = "EMETH_TUI_"
PASSWORD_VARIABLE = "EMETH_TUI_PASSWORD"  # noqa: S105 - the variable's name, not a password
VERIFICATION_KEY_VARIABLE = "EMETH_TUI_VERIFICATION_KEY"
DEVNET = "devnet"
BYTES_PER_GB = 1_000_000_000


def default_config_path() -> Path:
    """Tell where the settings file lies unless `--config` says otherwise."""
    return platformdirs.user_config_path(APP_NAME) / "config.toml"


def _device(value: str) -> str:
    kind, _, index = value.partition(":")
    if value == "cpu" or (kind == "cuda" and index.isdecimal()):
        return value
    raise ValueError("a device is `cpu` or `cuda:N`")


def _address(value: str) -> str:
    digits = value.removeprefix("0x")
    if len(digits) != 40 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        raise ValueError("an address is `0x` and 40 hex digits")
    return value


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("a URL starts with http:// or https://")
    return value.rstrip("/")


def _comma_separated(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _user_path(value: Path) -> Path:
    return value.expanduser()


Device = Annotated[str, AfterValidator(_device)]
Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
UserPath = Annotated[Path, AfterValidator(_user_path)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Network(_Section):
    """A network that follows the protocol: its chain, contracts and services (protocol.md §2)."""

    name: str = ""
    chain_id: int = Field(gt=0, description="the chain's id; a node refuses to run on another chain")
    native_symbol: str = Field("ETH", description="the token that pays transaction gas")
    rpc_url: Url = Field("", description="JSON-RPC endpoint", validate_default=False)
    core_address: Address = Field("", description="EmethCore contract", validate_default=False)
    token_address: Address = Field("", description="EMT token contract", validate_default=False)
    storage_url: Url = Field("", description="storage API", validate_default=False)
    info_url: Url = Field("", description="info server", validate_default=False)
    verification_key: SecretStr = Field(
        SecretStr(""), description="the network operator's key for the hash chain"
    )
    models: dict[Language, str] = Field(
        description="per language: a hub name, a local directory, or devnet-small"
    )
    safety_margin_s: int = Field(3_600, ge=0, description="time that must be left before a job's deadline")
    poll_interval_s: float = Field(
        10.0, gt=0, le=3_600, description="how often to look for work and at the chain"
    )
    confirmations: int = Field(1, ge=1, le=100, description="blocks until a transaction counts as final")


class WalletSettings(_Section):
    """The account that stakes and earns."""

    keystore: UserPath | None = Field(
        None,
        examples=["~/emeth/keystore.json"],
        description="keystore v3 file; default: keystore.json beside the settings file",
    )
    password_file: UserPath | None = Field(
        None,
        examples=["~/emeth/password"],
        description="file whose first line is the keystore's password; "
        f"{PASSWORD_VARIABLE} works too, and a terminal is asked",
    )


class ClaimSettings(_Section):
    """Which jobs to take."""

    enabled: bool = Field(True, description="take new jobs")
    min_fee_emt: Decimal = Field(Decimal(10), ge=0, description="smallest fee to take, in EMT")
    max_fee_emt: Decimal = Field(
        Decimal(30), ge=0, description="largest fee to take, in EMT (its deposit is staked)"
    )
    min_dataset_bytes: int = Field(4_096, ge=0, description="smallest dataset to take")
    max_dataset_bytes: int = Field(200_000_000, gt=0, description="largest dataset to take")
    safety_margin_s: int | None = Field(
        None,
        ge=0,
        examples=[3600],
        description="time that must be left before the deadline; default: the network's",
    )
    poll_interval_s: float | None = Field(
        None, gt=0, le=3_600, examples=[10], description="how often to look for work; default: the network's"
    )


class RewardSettings(_Section):
    """The day's share of the reward."""

    auto_withdraw: bool = Field(
        True, description="withdraw the rewards of closed days as soon as there are any"
    )


class WorkerSettings(_Section):
    """The devices that train."""

    devices: Annotated[list[Device], BeforeValidator(_comma_separated)] = Field(
        default_factory=list,
        description='one worker each, such as ["cuda:0", "cuda:1"] or ["cpu", "cpu"]; '
        "empty: every GPU found, else one cpu",
    )


class TrainingSettings(_Section):
    """How to train; the defaults are each model's own."""

    batch_size: int | None = Field(
        None, ge=1, le=1_024, examples=[16], description="blocks a step; default: the model's"
    )
    learning_rate: float | None = Field(
        None, gt=0, lt=1, examples=[0.00025], description="peak learning rate; default: the model's"
    )
    model_en: str | None = Field(
        None, examples=["gpt2-medium"], description="model for English jobs instead of the network's"
    )
    model_ja: str | None = Field(
        None,
        examples=["rinna/japanese-gpt2-medium"],
        description="model for Japanese jobs instead of the network's",
    )


class CacheSettings(_Section):
    """Disk for datasets, checkpoints and results."""

    directory: UserPath | None = Field(
        None, examples=["~/emeth/cache"], description="default: the platform's cache directory"
    )
    limit_gb: float = Field(
        60.0, gt=0, description="most that jobs may hold, a claim's needs reserved, in GB (10^9)"
    )


class StateSettings(_Section):
    """Database, journal and logs."""

    directory: UserPath | None = Field(
        None, examples=["~/emeth/state"], description="default: the platform's state directory"
    )


class ScreenSettings(_Section):
    """What the screen looks like."""

    theme: str = Field(
        "dark", description="a built-in theme, or one of your own from themes/ beside this file"
    )
    language: Literal["", "en", "ja"] = Field("", description="en or ja; empty: as the locale says")
    ascii: bool = Field(False, description="draw with ASCII characters alone")


class LogSettings(_Section):
    """The log file in the state directory, and what a headless node prints."""

    format: Literal["text", "json"] = Field("text", description="lines for people or for machines")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity shown")
    max_file_mb: int = Field(10, ge=1, le=1_000, description="size at which the log file is rotated")
    keep_files: int = Field(5, ge=1, le=100, description="rotated log files kept")


class Settings(_Section):
    """Everything that can be set."""

    network: str = Field(DEVNET, description="network profile: devnet, round3-2, or one of your own below")
    wallet: WalletSettings = WalletSettings()
    claims: ClaimSettings = ClaimSettings()
    rewards: RewardSettings = RewardSettings()
    workers: WorkerSettings = WorkerSettings()
    training: TrainingSettings = TrainingSettings()
    cache: CacheSettings = CacheSettings()
    state: StateSettings = StateSettings()
    screen: ScreenSettings = ScreenSettings()
    log: LogSettings = LogSettings()
    networks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="own networks, or changes to the built-in ones"
    )
    source: Path = Field(default_factory=default_config_path, exclude=True)

    @property
    def state_dir(self) -> Path:
        """Directory of database, journal and logs, one a network: accounts and job ids do not mix."""
        base = self.state.directory or platformdirs.user_state_path(APP_NAME)
        return base / self.network

    @property
    def jobs_dir(self) -> Path:
        """Directory with one directory a job: dataset, tokens, checkpoints, result."""
        base = self.cache.directory or platformdirs.user_cache_path(APP_NAME)
        return base / self.network / "jobs"

    @property
    def keystore_path(self) -> Path:
        return self.wallet.keystore or self.source.parent / "keystore.json"

    @property
    def cache_limit_bytes(self) -> int:
        return int(self.cache.limit_gb * BYTES_PER_GB)

    def model_for(self, language: Language, network: Network) -> str:
        """Name the model for a language: the operator's choice, else the network's."""
        own = {Language.EN: self.training.model_en, Language.JA: self.training.model_ja}[language]
        return own or network.models[language]


def load_settings(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings file, then lay environment and options (`{"claims.min_fee_emt": 12}`) over it.

    A file named by `path` must exist; the default one may be absent. Raises SettingsError.
    """
    source = path or default_config_path()
    tables = _read_toml(source) if path or source.exists() else {}
    _lay_over(tables, _from_environment(os.environ if environment is None else environment), "environment")
    _lay_over(tables, {key: value for key, value in (overrides or {}).items() if value is not None}, "option")
    if "source" in tables:
        raise SettingsError(f"{source}: source: there is no such key")
    try:
        return Settings.model_validate({**tables, "source": source})
    except ValidationError as error:
        raise SettingsError(_explain(str(source), error, tables)) from None


def load_network(settings: Settings, *, environment: Mapping[str, str] | None = None) -> Network:
    """Make the network that `settings.network` names: the built-in profile with the file's changes over it.

    Raises SettingsError for an unknown profile, or one with an address missing.
    """
    name = settings.network
    profile = _builtin_profile(name)
    changes = settings.networks.get(name, {})
    models = {**profile.get("models", {}), **changes.get("models", {})}
    profile = {**profile, **changes, **({"models": models} if models else {})}
    if not profile:
        known = ", ".join(sorted({*builtin_networks(), *settings.networks}))
        raise SettingsError(f"network = {name!r}: there is no such profile; known are {known}")
    key = (os.environ if environment is None else environment).get(VERIFICATION_KEY_VARIABLE)
    if key:
        profile["verification_key"] = key
    try:
        network = Network.model_validate({**profile, "name": name})
    except ValidationError as error:
        raise SettingsError(_explain(f"{settings.source}: networks.{name}", error, profile)) from None
    _require_addresses(network, settings.source)
    return network


def builtin_networks() -> list[str]:
    """List the profiles that ship."""
    folder = _profiles()
    return sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )


def take_password(environment: dict[str, str] | os._Environ[str], wallet: WalletSettings) -> str | None:
    """Take the keystore's password from the environment, else from its file; None where there is neither.

    The variable is removed, so that no child inherits it. Raises SettingsError for an unreadable file.
    """
    from_environment = environment.pop(PASSWORD_VARIABLE, None)
    if from_environment is not None:
        return from_environment
    if wallet.password_file is None:
        return None
    try:
        return wallet.password_file.read_text("utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise SettingsError(f"wallet.password_file = {wallet.password_file}: cannot be read") from error


def example_toml() -> str:
    """Write the settings file with every key, its meaning and its default, all commented out."""
    lines = [
        "# Settings of emeth-tui. Every key is optional; what is commented out shows the default.",
        f"# The environment goes first: {ENVIRONMENT_PREFIX}NETWORK, {ENVIRONMENT_PREFIX}CLAIMS__ENABLED, …",
        "",
        *_example_key("network", Settings.model_fields["network"].description, DEVNET),
    ]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            lines += ["", f"# {section.__doc__}", f"[{name}]"]
            for key, inner in section.model_fields.items():
                lines += _example_key(key, inner.description, _example_value(inner))
    lines += ["", "# A network of your own, or changes to a built-in one:", "# [networks.devnet]"]
    for key, inner in Network.model_fields.items():
        if inner.description:
            lines.append(f"# {key}: {inner.description}")
    return "\n".join(lines) + "\n"


def _example_key(key: str, description: str | None, default: object) -> list[str]:
    return [f"# {description}", f"# {key} = {_toml_value(default)}"]


def _example_value(field: FieldInfo) -> object:
    """Pick what the example shows for a key: its default, or an example where the default is absence."""
    default = field.get_default(call_default_factory=True)
    return field.examples[0] if default is None and field.examples else default


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return f'"{value}"'


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return tables
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file; `emeth-tui config example` prints one to start from"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None


def _profiles() -> Traversable:
    return resources.files("emeth_tui") / "protocol" / "networks"


def _builtin_profile(name: str) -> dict[str, Any]:
    if name not in builtin_networks():
        return {}
    profile: dict[str, Any] = tomllib.loads((_profiles() / f"{name}.toml").read_text("utf-8"))
    return profile


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Map `EMETH_TUI_CLAIMS__MIN_FEE_EMT=12` to `{"claims.min_fee_emt": "12"}`, for keys that exist."""
    keys = {key.upper().replace(".", "__"): key for key in _dotted_keys()}
    return {
        keys[name.removeprefix(ENVIRONMENT_PREFIX)]: value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and name.removeprefix(ENVIRONMENT_PREFIX) in keys
    }


def _dotted_keys() -> list[str]:
    keys = ["network"]
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section):
            keys += [f"{name}.{key}" for key in field.annotation.model_fields]
    return keys


def _lay_over(tables: dict[str, Any], changes: Mapping[str, Any], origin: str) -> None:
    for dotted, value in changes.items():
        section, _, key = dotted.rpartition(".")
        table = tables.setdefault(section, {}) if section else tables
        if not isinstance(table, dict):
            raise SettingsError(
                f"{section}: is a value in the file; {origin} {dotted} needs it to be a table"
            )
        table[key] = value


def _explain(source: str, error: ValidationError, tables: Mapping[str, Any]) -> str:
    """Say the first thing that is wrong: key, value, what would be right."""
    problem = error.errors(include_url=False, include_context=False)[0]
    location = [str(part) for part in problem["loc"] if part != "source"]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"{source}: {key}: there is no such key; `emeth-tui config example` lists them"
    if problem["type"] == "missing":
        return f"{source}: {key}: is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if location and location[-1] == "verification_key":
        return f"{source}: {key}: {message}"
    value = _look_up(tables, location)
    return f"{source}: {key} = {value!r}: {message}"


def _look_up(tables: object, location: list[str]) -> object:
    for part in location:
        if isinstance(tables, Mapping) and part in tables:
            tables = tables[part]
        elif isinstance(tables, list) and part.isdecimal() and int(part) < len(tables):
            tables = tables[int(part)]
    return tables


def _require_addresses(network: Network, source: Path) -> None:
    for key in ("rpc_url", "core_address", "token_address", "storage_url", "info_url"):
        if not getattr(network, key):
            remedy = (
                "start the node with --devnet, or use the node.toml that `emeth-tui devnet` writes"
                if network.name == DEVNET
                else f"set it under [networks.{network.name}]"
            )
            raise SettingsError(f"{source}: networks.{network.name}.{key}: is missing; {remedy}")
