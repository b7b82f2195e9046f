"""The first settings, question by question: which comes next, what an answer means. Front ends only ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path

from emeth_tui.errors import EmethError, NetworkError, SettingsError, WalletError
from emeth_tui.files import may_exist
from emeth_tui.model import format_token
from emeth_tui.notices.reasons.setup import (
    DeviceNeeded,
    FileNeeded,
    NotAChoice,
    PasswordEmpty,
    PasswordsNotTheSame,
)
from emeth_tui.settings import DEVNET, PASSWORD_VARIABLE, VERIFICATION_KEY_VARIABLE, Layers, Network, Origin
from emeth_tui.settings.basics import typed_path
from emeth_tui.settings.networks import require_text
from emeth_tui.settings.schema import BYTES_PER_GB, with_values
from emeth_tui.settings.writing import write_settings
from emeth_tui.tui.setup.answers import (
    KEY_FILE,
    SECRET_KEYS,
    Answers,
    network_of,
    parse_limit_gb,
    parse_private_key,
    read_network_file,
    suggested_limit_gb,
)
from emeth_tui.tui.setup.machine import Machine
from emeth_tui.tui.setup.questions import Kind, Option, Outcome, Question, Result
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

ROUND_3_2 = "round3-2"
KEY = "verification_key"
SHORT_PASSWORD_CHARACTERS = 12  # shorter ones are guessed from a stolen keystore


class Step(Enum):
    """One question each."""

    NETWORK = "network"
    NETWORK_FILE = "network file"
    VERIFICATION_KEY = "verification key"
    WALLET = "wallet"
    KEYSTORE_FILE = "keystore file"
    PRIVATE_KEY = "private key"
    PASSWORD = "password"  # noqa: S105 - a step's name
    PASSWORD_AGAIN = "password again"  # noqa: S105
    DEVICES = "devices"
    CACHE = "cache"
    REVIEW = "review"
    DONE = "done"


class Wizard:
    """Holds the answers. A wrong answer raises EmethError, and the question stays the same."""

    def __init__(self, config: Path, before: str = "", machine: Machine | None = None) -> None:
        """Make settings for the file `config`, which holds `before` now. Raise SettingsError."""
        self._config = config.absolute()  # what is written beside it is found from any directory
        self._before = before
        self._now = Layers(self._config).combine(before)
        self._machine = machine or Machine()
        self._answers = Answers()
        self._step = Step.NETWORK
        self._path: list[tuple[Step, Answers]] = []
        self._foreign_keystore: Path | None = None
        self._private_key: bytes | None = None
        self._password = ""
        self._funds: tuple[str, ...] = ()
        self._has_key = False
        self.outcome: Outcome | None = None

    @property
    def question(self) -> Question:
        """What is asked now."""
        questions: dict[Step, Callable[[], Question]] = {
            Step.NETWORK: self._ask_network,
            Step.NETWORK_FILE: self._ask_network_file,
            Step.VERIFICATION_KEY: self._ask_verification_key,
            Step.WALLET: self._ask_wallet,
            Step.KEYSTORE_FILE: self._ask_keystore_file,
            Step.PRIVATE_KEY: self._ask_private_key,
            Step.PASSWORD: self._ask_password,
            Step.PASSWORD_AGAIN: self._ask_password_again,
            Step.DEVICES: self._ask_devices,
            Step.CACHE: self._ask_cache,
            Step.REVIEW: self._ask_review,
            Step.DONE: self._show_done,
        }
        return questions[self._step]()

    async def answer(self, value: str) -> None:
        """Take an answer and go on to the next question. Raise EmethError if it is wrong."""
        takers: dict[Step, Callable[[str], Awaitable[None]]] = {
            Step.NETWORK: self._take_network,
            Step.NETWORK_FILE: self._take_network_file,
            Step.VERIFICATION_KEY: self._take_verification_key,
            Step.WALLET: self._take_wallet,
            Step.KEYSTORE_FILE: self._take_keystore_file,
            Step.PRIVATE_KEY: self._take_private_key,
            Step.PASSWORD: self._take_password,
            Step.PASSWORD_AGAIN: self._take_password_again,
            Step.DEVICES: self._take_devices,
            Step.CACHE: self._take_cache,
            Step.REVIEW: self._take_review,
            Step.DONE: self._take_done,
        }
        await takers[self._step](value)

    @property
    def can_go_back(self) -> bool:
        """Whether there is a previous question; once the file is written there is none."""
        return bool(self._path)

    def back(self) -> bool:
        """Go back to the previous question, and return whether there is one."""
        if not self._path:
            return False
        self._step, self._answers = self._path.pop()
        return True

    def _go_to(self, step: Step, **answers: object) -> None:
        self._path.append((self._step, self._answers))
        self._answers = replace(self._answers, **answers)  # type: ignore[arg-type]
        self._step = step

    # -- the network

    def _ask_network(self) -> Question:
        options = (
            Option(ROUND_3_2, _("round3-2: the al+ testnet of Round 3-2")),
            Option("file", _("a network of your own: from a settings file such as a devnet's node.toml")),
            Option(DEVNET, _("try it: a whole network on this machine, nothing is written")),
        )
        facts = (_("This creates {path}.").format(path=self._config),)
        return Question(1, _("Network"), facts, Kind.CHOICE, options, ROUND_3_2)

    async def _take_network(self, value: str) -> None:
        _one_of(value, (ROUND_3_2, "file", DEVNET))
        if value == DEVNET:
            self.outcome = Outcome(Result.DEVNET)
        elif value == "file":
            self._go_to(Step.NETWORK_FILE)
        else:
            self._foreign_keystore = None
            self._go_to(Step.VERIFICATION_KEY, network=value, network_changes={}, has_verification_key=False)

    def _ask_network_file(self) -> Question:
        facts = (_("Its network is copied, its keys and passwords are not."),)
        return Question(1, _("Network"), facts, Kind.TEXT, prompt=_("Settings file"))

    async def _take_network_file(self, value: str) -> None:
        foreign = read_network_file(_path(value))
        self._foreign_keystore = foreign.keystore
        self._go_to(
            Step.VERIFICATION_KEY,
            network=foreign.name,
            network_changes=foreign.changes,
            has_verification_key=foreign.has_verification_key,
        )

    def _ask_verification_key(self) -> Question:
        key_file = self._answers.key_file(self._config)
        facts = [
            _("Results are rejected without the network's verification key. Its operator gives it to you."),
            _("It goes into {path}, which you alone can read.").format(path=key_file),
            _("A path that begins with / or ~ names a file that has it, such as a systemd credential."),
        ]
        if self._answers.has_verification_key:
            facts.insert(1, _("The one in that settings file is not copied."))
        prompt = _("Verification key (empty: later)")
        return Question(1, _("Network"), tuple(facts), Kind.SECRET, prompt=prompt)

    async def _take_verification_key(self, value: str) -> None:
        value = value.strip()
        require_text(value, KEY)
        if not value.startswith(("/", "~")):
            self._go_to(Step.WALLET, verification_key=value)
            return
        changes = {**self._answers.network_changes, **dict.fromkeys(SECRET_KEYS)}
        changes[KEY_FILE] = typed_path(value).absolute()
        self._network_of(replace(self._answers, network_changes=changes))  # it can be read
        self._go_to(Step.WALLET, network_changes=changes)

    def _network_of(self, answers: Answers) -> Network:
        return network_of(answers, self._config, self._before)

    # -- the wallet

    def _ask_wallet(self) -> Question:
        options = [Option(str(path), _("use {path}").format(path=path)) for path in self._known_keystores()]
        options += [
            Option("new", _("a new account")),
            Option("keystore", _("a keystore file that you have")),
            Option("key", _("a private key that you have")),
        ]
        facts = (_("The account stakes deposits and earns. Its key stays in a keystore on this machine."),)
        return Question(2, _("Wallet"), facts, Kind.CHOICE, tuple(options), options[0].value)

    def _known_keystores(self) -> list[Path]:
        known = (self._now.keystore_path, self._config.parent / "keystore.json", self._foreign_keystore)
        return [path for path in dict.fromkeys(known) if path is not None and may_exist(path)]

    async def _take_wallet(self, value: str) -> None:
        if value in {str(path) for path in self._known_keystores()}:
            self._use_keystore(Path(value))
            return
        self._private_key = None
        steps = {"new": Step.PASSWORD, "keystore": Step.KEYSTORE_FILE, "key": Step.PRIVATE_KEY}
        self._go_to(steps[_one_of(value, tuple(steps))])

    def _use_keystore(self, path: Path) -> None:
        address = self._machine.address_in(path)
        self._password = ""
        self._go_to(Step.DEVICES, keystore=path, address=address)

    def _ask_keystore_file(self) -> Question:
        facts = (_("It stays where it is."),)
        return Question(2, _("Wallet"), facts, Kind.TEXT, prompt=_("Keystore file"))

    async def _take_keystore_file(self, value: str) -> None:
        self._use_keystore(_path(value))

    def _ask_private_key(self) -> Question:
        facts = (_("It is not shown, and goes into a keystore that only its password opens."),)
        return Question(2, _("Wallet"), facts, Kind.SECRET, prompt=_("Private key (hex)"))

    async def _take_private_key(self, value: str) -> None:
        private_key = parse_private_key(value)
        self._machine.check_key(private_key)
        self._private_key = private_key
        self._go_to(Step.PASSWORD)

    def _ask_password(self) -> Question:
        facts = (
            _("This password encrypts the keystore {path}.").format(path=self._new_keystore()),
            _("It is asked for at each start and stored nowhere; nobody can restore it."),
        )
        return Question(2, _("Wallet"), facts, Kind.SECRET, prompt=_("New password"))

    async def _take_password(self, value: str) -> None:
        if not value:
            raise WalletError(PasswordEmpty())
        self._password = value
        self._go_to(Step.PASSWORD_AGAIN)

    def _ask_password_again(self) -> Question:
        short = len(self._password) < SHORT_PASSWORD_CHARACTERS
        warning = _("! It is short: whoever gets the keystore may guess it. Use at least {n} characters.")
        facts = (warning.format(n=SHORT_PASSWORD_CHARACTERS),) if short else ()
        return Question(2, _("Wallet"), facts, Kind.SECRET, prompt=_("Repeat the password"))

    async def _take_password_again(self, value: str) -> None:
        if value != self._password:
            self.back()
            raise WalletError(PasswordsNotTheSame())
        path = self._new_keystore()
        address = await self._machine.write_keystore(path, value, self._private_key)
        self._private_key = None
        # Going back leads to the choice of a keystore, which now has this one in it.
        while self._path and self._step is not Step.WALLET:
            self.back()
        self._go_to(Step.DEVICES, keystore=path, address=address)

    def _new_keystore(self) -> Path:
        """Return the path of a file that does not exist yet: a keystore is never overwritten."""
        path, number = self._config.parent / "keystore.json", 2
        while path.exists():
            path, number = path.with_name(f"keystore-{number}.json"), number + 1
        return path

    # -- devices and disk

    def _ask_devices(self) -> Question:
        found = self._machine.devices()
        options = tuple(Option(device.name, f"{device.name}  {device.description}") for device in found)
        facts = [_("One job at a time on each.")]
        if self._answers.address:
            facts.insert(0, _("The account is {address}.").format(address=self._answers.address))
        if self._password:
            made = _("{path} is created: keep a copy of it and its password.")
            facts.insert(0, made.format(path=self._answers.keystore))
        preset = ",".join(self._preset_devices() or self._default_devices())
        return Question(3, _("Devices"), tuple(facts), Kind.SEVERAL, options, preset)

    def _preset_devices(self) -> list[str]:
        """Return those of the settings that this machine has, each once."""
        names = [device.name for device in self._machine.devices()]
        return [name for name in dict.fromkeys(self._now.workers.devices) if name in names]

    def _default_devices(self) -> list[str]:
        names = [device.name for device in self._machine.devices()]
        return [name for name in names if name != "cpu"] or names

    async def _take_devices(self, value: str) -> None:
        chosen = list(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        names = [device.name for device in self._machine.devices()]
        if not chosen:
            raise SettingsError(DeviceNeeded())
        for name in chosen:
            _one_of(name, tuple(names))
        if chosen == self._preset_devices():
            devices = tuple(self._now.workers.devices)
        else:
            devices = () if chosen == self._default_devices() else tuple(chosen)
        self._go_to(Step.CACHE, devices=devices)

    def _ask_cache(self) -> Question:
        directory, free_bytes = self._cache()
        facts = (
            _("Datasets, checkpoints and results of the jobs under way: {path}").format(path=directory),
            _("{free} GB are free there.").format(free=f"{free_bytes / BYTES_PER_GB:,.1f}"),
        )
        default = self._kept_limit() or f"{suggested_limit_gb(free_bytes):g}"
        return Question(4, _("Disk"), facts, Kind.TEXT, default=default, prompt=_("Cache limit in GB"))

    def _kept_limit(self) -> str:
        """Return the limit that the settings name: what it takes up already is not free."""
        origins = Layers(self._config).origins(self._before)
        return str(self._now.cache.limit_gb) if origins["cache.limit_gb"] is Origin.FILE else ""

    def _cache(self) -> tuple[Path, int]:
        directory = with_values(self._now, {"network": self._answers.network}).jobs_dir
        return directory, self._machine.free_bytes(directory)

    async def _take_cache(self, value: str) -> None:
        if value.strip() == self._kept_limit():
            limit_gb = self._now.cache.limit_gb
        else:
            limit_gb = parse_limit_gb(value, self._cache()[1])
        self._funds = await self._read_funds()
        self._go_to(Step.REVIEW, limit_gb=limit_gb)

    async def _read_funds(self) -> tuple[str, ...]:
        """Return what the account holds, or why that is unknown, which is no reason to stop here."""
        address = self._answers.address
        if not address:
            return (_("The keystore does not name its address, so the balances are unknown."),)
        network = self._network_of(self._answers)
        try:
            funds = await self._machine.funds(network, address)
        except NetworkError as error:
            unknown = _("the balances are unknown: {error}; you can go on")
            return (address, unknown.format(error=text_of(error.reason)))
        holds = f"EMT {format_token(funds.emt_wei)}, {network.native_symbol} {format_token(funds.native_wei)}"
        facts: tuple[str, ...] = (_("The account holds {holds}:").format(holds=holds), address)
        if funds.emt_wei and funds.native_wei:
            return facts
        needs = _("It needs EMT for deposits and {symbol} for transactions before the node can start.")
        return (*facts, needs.format(symbol=network.native_symbol))

    # -- writing

    def _ask_review(self) -> Question:
        changes = self._answers.changes(self._config)
        lines = [
            f"{key} = {value}"
            for key, value in changes.items()
            if value is not None and not key.startswith("networks.")
        ]
        facts = (*self._funds, _("{path} will contain:").format(path=self._config), *lines)
        label = _("change it, comments stay") if self._before else _("write it")
        return Question(5, _("Balances and file"), facts, Kind.CHOICE, (Option("write", label),), "write")

    async def _take_review(self, value: str) -> None:
        _one_of(value, ("write",))
        self._before = Layers(self._config).read() or self._before  # an editor may have been at it meanwhile
        network = self._network_of(self._answers)
        text = self._answers.file_text(self._config, self._before)
        if key := self._answers.verification_key:
            write_settings(self._answers.key_file(self._config), f"{key}\n")
        write_settings(self._config, text)
        self._has_key = bool(key or network.verification_key.get_secret_value())
        self._path.clear()
        self._step = Step.DONE

    def _show_done(self) -> Question:
        facts = [_("{path} is written.").format(path=self._config)]
        if self._password:
            made = _("Keep a copy of {path} and its password: nobody can restore them.")
            facts.append(made.format(path=self._answers.keystore))
        start = _("The password is asked for at each start; without a terminal, set {variable}.")
        facts.append(start.format(variable=PASSWORD_VARIABLE))
        if not self._has_key:
            key = _("The network's operator gives you the verification key: set {variable} before the start.")
            facts.append(key.format(variable=VERIFICATION_KEY_VARIABLE))
        return Question(5, _("Done"), tuple(facts), Kind.NOTICE)

    async def _take_done(self, _value: str) -> None:
        self.outcome = Outcome(Result.WRITTEN, self._password or None, has_key=self._has_key)


def _path(text: str) -> Path:
    if not text.strip():
        raise SettingsError(FileNeeded())
    return typed_path(text).absolute()


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EmethError(NotAChoice(repr(value), ", ".join(known)))
    return value
