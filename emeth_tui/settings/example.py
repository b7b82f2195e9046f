"""The example settings file: every key with its description, for a user to start from."""

from __future__ import annotations

from decimal import Decimal

from pydantic.fields import FieldInfo

from emeth_tui.settings.basics import DEVNET, ENVIRONMENT_PREFIX
from emeth_tui.settings.schema import Settings
from emeth_tui.settings.sections import Network, Section


def example_toml() -> str:
    """Return a settings file with every key, its description and its default, all commented out."""
    lines = [
        "# Settings of emeth-tui. Every key is optional. The lines below show the default, or an example",
        "# where there is none. Environment variables override this file, and options override both:",
        f"# {ENVIRONMENT_PREFIX}NETWORK, {ENVIRONMENT_PREFIX}CLAIMS__ENABLED, …",
        "",
        *_example_key("network", Settings.model_fields["network"].description, DEVNET),
    ]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            lines += ["", f"# {section.__doc__}", f"[{name}]"]
            for key, inner in section.model_fields.items():
                lines += _example_key(key, inner.description, _example_value(inner))
    lines += [
        "",
        "# Keys of your own, by the name of what they do: the README lists them all.",
        "[keys]",
        '# pause-job = "f5"',
        '# help = ["?", "f1"]',
    ]
    lines += ["", "# A network of your own, or overrides of a built-in one:", "# [networks.devnet]"]
    for key, inner in Network.model_fields.items():
        if inner.description:
            lines.append(f"# {key}: {inner.description}")
    return "\n".join(lines) + "\n"


def _example_key(key: str, description: str | None, default: object) -> list[str]:
    return [f"# {description}", f"# {key} = {_toml_value(default)}"]


def _example_value(field: FieldInfo) -> object:
    """Return what the example shows for a key: its default, or an example where there is none."""
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
