"""The sentences of notices/reasons/settings.py."""

from __future__ import annotations

from collections.abc import Mapping

from emeth_tui.notices.notice import Notice
from emeth_tui.notices.reasons import settings

SENTENCES: Mapping[type[Notice], str] = {
    settings.NeedsRestart: "{key}: needs a restart; set it in {path}",
    settings.SetByThisRun: "{key}: {origin} of this run sets it, and overrides the file",
    settings.InFile: "{source}: {problem}",
    settings.CommandLine: "the command line",
    settings.Environment: "the environment",
    settings.NoSettingsFile: "{path}: no such file; `emeth-tui config example` prints one to start from",
    settings.NotToml: "is not TOML at line {line}, column {column}",
    settings.TomlTwice: "line {line}: this key or table is in the file already, further up",
    settings.TomlStrayCharacter: (
        "is not TOML at line {line}, column {column}: {character} stands where only a plain "
        "quotation mark, space or letter can"
    ),
    settings.TomlBreaksOff: "is not TOML: its last line breaks off",
    settings.TomlTooDeep: "is not TOML that can be read: its lists are nested too deeply",
    settings.TomlNumberTooLong: "is not TOML that can be read: a number in it has thousands of digits",
    settings.NearestIs: "the nearest is {nearest}",
    settings.NoneIsNear: "none has a name like it",
    settings.NoSuchKey: (
        "{key}: there is no such key; {hint}, and `emeth-tui config example` lists them all"
    ),
    settings.NoSuchVariable: "{name}: no setting has this environment variable; {hint}",
    settings.KeyMissing: "{key}: is missing",
    settings.NotAnAddressRange: "an address or a range of them, such as 10.0.0.7 or 10.0.0.0/24",
    settings.NameOfBuiltIn: "{name} is a network that ships with emeth-tui; take another name",
    settings.InvalidValue: "{key} = {value}: {problem}",
    settings.InvalidSecret: "{key}: {problem}",
    settings.WholeNumberExpected: "a whole number from {least} to {most} is needed",
    settings.NumberExpected: "a number from {least} to {most} is needed",
    settings.AmountExpected: (
        "an amount of EMT is a number from {least} to {most}, with at most {decimals} decimals"
    ),
    settings.MinAboveMax: "{least_key} = {least}: is above {most_key} = {most}, so nothing can suit both",
    settings.ChoiceExpected: "one of {choices} is needed",
    settings.ChoicesExpected: "a list of names is needed, out of {choices}",
    settings.LanguagesExpected: "a list of languages is needed, out of {choices}",
    settings.TrueOrFalseExpected: "true or false is needed",
    settings.BytesNotUtf8: "it is not UTF-8 text: check the encoding of terminal and environment",
    settings.TextExpected: 'a text in quotation marks is needed, such as `"x"`',
    settings.TextsExpected: 'a list of texts is needed, such as `["x", "y"]`',
    settings.ATableExpected: "a table is needed",
    settings.NotAPath: "a path in quotation marks is needed",
    settings.NoHomeDirectory: "there is no home directory of that name",
    settings.VariableInPath: "{variable} is not expanded in a path; `~` is",
    settings.NotANetworkName: "a network's name is made of letters, digits, `-`, `_` and `.`",
    settings.NotAKey: "a key is a character such as `x`, or a name such as `f5`, `pageup` or `ctrl+x`",
    settings.NotASymbol: "a symbol has 1 to 16 characters, no spaces among them",
    settings.DotInName: "the name {name} has a dot: a network of your own has none",
    settings.NotADevice: "a device is `cpu` or `cuda:N`",
    settings.NotAnAddressToListenOn: "host and port are needed, such as `127.0.0.1:9101` or `[::1]:9101`",
    settings.MetricsExtraMissing: (
        "`prometheus-client` is missing; `pip install 'emeth-tui[metrics]'` installs it"
    ),
    settings.NotATimeZone: "a time zone has a name such as `Europe/Berlin`, `Asia/Tokyo` or `UTC`",
    settings.NotHours: (
        "`{entry}`: hours are days, times or both, such as `mon-fri 22:00-06:00`, `sat` or `20:00-07:00`"
    ),
    settings.NotEarlierPrices: (
        "'{entry}' is no entry such as `before 2026-07-01 emt 0.95 native 0.02 energy 0.28`"
    ),
    settings.NotARule: (
        "`{entry}`: a rule is such as `temperature above 83 until 75`, `cuda:1 power above 250 for 30s until "
        "200 for 10m`, `free-memory below 2000 until 4000` or `on-battery`"
    ),
    settings.RuleOnWrongSide: "`{entry}`: a rule on {figure} is written with `{side}`",
    settings.RuleLimitsReversed: (
        "`{entry}`: the limit after `until` must be lower than the one after `above`, or higher than the "
        "one after `below`"
    ),
    settings.GpuNamedTwice: "{name} is named {times} times: name each GPU once, it has one worker",
    settings.NotAnAddress: "an address is `0x` and 40 hex digits",
    settings.WrongChecksum: (
        "upper and lower case are not this address's checksum: a digit is wrong; copy it again"
    ),
    settings.NotAUrl: "a URL is http:// or https://, then a host in ASCII, then a port or path if need be",
    settings.UrlWithSpace: "a URL has no spaces",
    settings.UrlWithUser: "a URL must not hold a user name or password",
    settings.UrlWithQuery: "this URL must not have a `?` or a `#`: paths are added to it",
    settings.NotAHost: "a host is a name or an address alone, without http:// and port",
    settings.NotACurrency: "a currency is two to eight letters, such as JPY",
    settings.NotABatchSize: "a batch size is `auto` or a whole number from 1 to {most}",
    settings.PasswordFileUnreadable: "wallet.password_file = {path}: cannot be read",
    settings.KeyFileUnreadable: "the verification key's file {path} cannot be read, or is empty",
    settings.TableExpected: "{section}: is a value in the file; {key} needs it to be a table",
    settings.NotEditable: (
        "{key} cannot be set without changing other settings; give each table a header such as [{section}], "
        "in the place of braces and dots, and try again"
    ),
    settings.UnknownNetwork: "network = {name}: there is no such profile; known are {known}",
    settings.NetworkKeyMissing: "networks.{network}.{key}: is missing; set it under [networks.{network}]",
    settings.NoSettings: (
        "there are no settings yet: run `emeth-tui setup`, or `emeth-tui --devnet` to try it on a local "
        "network"
    ),
    settings.DevnetKeyMissing: (
        "networks.{network}.{key}: is missing; start the node with --devnet, or use the node.toml "
        "that `emeth-tui devnet` writes"
    ),
}
