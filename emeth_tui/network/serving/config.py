"""The file of `network serve`: which network, where to listen, what to keep, how much to take from whom."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from emeth_tui.errors import SettingsError
from emeth_tui.notices.reasons.settings import NotAnAddressRange
from emeth_tui.settings.basics import InvalidSetting
from emeth_tui.settings.problems import explain
from emeth_tui.settings.sections import Section
from emeth_tui.settings.toml_text import parse_toml, read_text
from emeth_tui.settings.values import BaseUrl, Listen, UserPath, Whole


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
    limits: LimitsSection = LimitsSection()


def read_serve_settings(path: Path) -> ServeSettings:
    """Read the file. Raise SettingsError naming the key."""
    tables = parse_toml(read_text(path), str(path))
    try:
        settings = ServeSettings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(explain(lambda _key: str(path), error, ServeSettings, tables)) from None
    here = path.absolute().parent
    return settings.model_copy(
        update={"profile": here / settings.profile, "state_dir": here / settings.state_dir}
    )
