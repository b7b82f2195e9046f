"""The sentences of notices/reasons/settings.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import settings

SENTENCES: Mapping[type[Notice], str] = {
    settings.NeedsRestart: "{key}: needs a restart; set it in {path}",
    settings.SetByThisRun: "{key}: the {origin} of this run sets it, and overrides the file",
    settings.InFile: "{source}: {problem}",
    settings.NoSettingsFile: "{path}: no such file; `emeth-tui config example` prints one to start from",
    settings.NotToml: "is not TOML: {detail}",
    settings.NoSuchKey: "{key}: there is no such key; `emeth-tui config example` lists them",
    settings.KeyMissing: "{key}: is missing",
    settings.InvalidValue: "{key} = {value}: {problem}",
    settings.InvalidSecret: "{key}: {problem}",
    settings.AtLeast: "input should be greater than or equal to {limit}",
    settings.MoreThan: "input should be greater than {limit}",
    settings.AtMost: "input should be less than or equal to {limit}",
    settings.LessThan: "input should be less than {limit}",
    settings.NumberExpected: "input should be a valid number ({detail})",
    settings.NotAKey: "a key is a character such as `x`, or a name such as `f5`, `pageup` or `ctrl+x`",
    settings.NotADevice: "a device is `cpu` or `cuda:N`",
    settings.GpuNamedTwice: "{name} is named {times} times: name each GPU once, it has one worker",
    settings.NotAnAddress: "an address is `0x` and 40 hex digits",
    settings.NotAUrl: "a URL starts with http:// or https://",
    settings.NotABatchSize: "a batch size is `auto` or a whole number from 1 to {most}",
    settings.PasswordFileUnreadable: "wallet.password_file = {path}: cannot be read",
    settings.TableExpected: "{section}: is a value in the file; {key} needs it to be a table",
    settings.UnknownNetwork: "network = {name}: there is no such profile; known are {known}",
    settings.NetworkKeyMissing: "networks.{network}.{key}: is missing; set it under [networks.{network}]",
    settings.DevnetKeyMissing: (
        "networks.{network}.{key}: is missing; start the node with --devnet, or use the node.toml "
        "that `emeth-tui devnet` writes"
    ),
}
