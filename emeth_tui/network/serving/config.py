"""The file of `network serve`: which network, where to listen, what to keep, how much to take from whom."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons.settings import NotAnAddressRange
from emeth_tui.settings.basics import InvalidSetting
from emeth_tui.settings.problems import explain
from emeth_tui.settings.sections import Section
from emeth_tui.settings.toml_text import parse_toml, read_text
from emeth_tui.settings.values import Address, BaseUrl, Listen, UserPath, Whole

_Part = TypeVar("_Part", bound=Section)


def _range(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise InvalidSetting(NotAnAddressRange()) from None


AddressRange = Annotated[str, AfterValidator(_range)]


class LimitsSection(Section):
    """How much one address and one account may ask, so that no one takes the service from the others."""

    requests_per_minute: Whole = Field(1_200, ge=1, le=1_000_000)  # of one address, every request counted
    calls_per_minute: Whole = Field(120, ge=1, le=1_000_000)  # of one account, signed calls alone


class S3Section(Section):
    """An object store in place of the directory. The keys are never in the file itself."""

    endpoint: BaseUrl
    public_endpoint: BaseUrl = Field("", validate_default=False)  # default: endpoint
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    access_key_file: UserPath | None = None
    secret_key_file: UserPath | None = None


class PostgresSection(Section):
    """A PostgreSQL database in place of the file. The password is never in the file itself."""

    host: str = Field("127.0.0.1", pattern=r"^[A-Za-z0-9._:/-]{1,255}$")  # a path is a directory of sockets
    port: Whole = Field(5432, ge=1, le=65_535)
    database: str = Field("emeth", pattern=r"^[A-Za-z0-9_-]{1,63}$")
    user: str = Field("emeth", pattern=r"^[A-Za-z0-9_-]{1,63}$")
    password_file: UserPath | None = None
    sslmode: Literal["disable", "prefer", "require", "verify-full"] = "prefer"
    root_certificate: UserPath | None = None  # for verify-full; default: the authorities of the system


class SecondSection(Section):
    """A second verifier, whose opinion counts before a result is rejected: `network second` runs it."""

    address: Address
    answer_h: Whole = Field(24, ge=1, le=8_760)
    unanswered: Literal["hold", "reject", "verify"] = "hold"  # hold: until the operator decides


class ServeSettings(Section):
    """All of the file. Paths that are not absolute are from the file's own directory."""

    profile: UserPath
    state_dir: UserPath
    listen: Listen = "127.0.0.1:3000"
    public_url: BaseUrl = Field("", validate_default=False)  # default: the profile's storage_url
    trusted_proxies: list[AddressRange] = Field(default_factory=list)
    verify: bool = False
    log_format: Literal["text", "json"] = "text"
    stop_grace_s: Whole = Field(30, ge=0, le=3_600)
    orphans_kept_h: Whole = Field(24, ge=1, le=8_760)  # unfinished uploads, and files that no job names
    limits: LimitsSection = LimitsSection()
    s3: S3Section | None = None
    postgres: PostgresSection | None = None
    second: SecondSection | None = None


def read_serve_settings(path: Path) -> ServeSettings:
    """Read the file. Raise SettingsError naming the key."""
    tables = parse_toml(read_text(path), str(path))
    try:
        settings = ServeSettings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(explain(lambda _key: str(path), error, ServeSettings, tables)) from None
    return _from_here(settings, path.absolute().parent)


def _from_here(settings: ServeSettings, here: Path) -> ServeSettings:
    """Return the settings with all paths absolute."""
    changes: dict[str, Any] = {
        "profile": here / settings.profile,
        "state_dir": here / settings.state_dir,
        "s3": settings.s3 and _with_paths(settings.s3, here, "access_key_file", "secret_key_file"),
        "postgres": settings.postgres
        and _with_paths(settings.postgres, here, "password_file", "root_certificate"),
    }
    return settings.model_copy(update=changes)


def _with_paths(section: _Part, here: Path, *keys: str) -> _Part:
    given = {key: getattr(section, key) for key in keys}
    return section.model_copy(update={key: here / path for key, path in given.items() if path})
