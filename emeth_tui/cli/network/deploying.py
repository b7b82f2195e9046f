"""`emeth-tui network deploy`: put the contracts of a network on a chain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.network.types import ADDRESS, NAME, PERCENT
from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import place_of, run
from emeth_tui.cli.output.confirming import YES, confirm
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.requester.place import wallet_of
from emeth_tui.cli.types import FILE, VERIFICATION, Emt
from emeth_tui.errors import ExitCode, ServiceError
from emeth_tui.foreign_text import system_text, without_secrets
from emeth_tui.streams import narrate
from emeth_tui.words.formats import exact_emt, exact_token
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.clients.wallet import Wallet
    from emeth_tui.listings.network_records import DeployedRecord
    from emeth_tui.network.deploy import Deployment, Terms
    from emeth_tui.network.deploying import Cost
    from emeth_tui.network.record import DeploymentRecord
    from emeth_tui.settings import Network

UNLIMITED = 2**256 - 1


@dataclass(frozen=True, slots=True)
class _Asked:
    rpc_urls: list[str]
    name: str
    url: str
    storage_hosts: list[str]
    native_symbol: str
    models: dict[str, str]
    confirmations: int
    verification: str
    output: Path

    @property
    def record_path(self) -> Path:
        return self.output.with_name(f"{self.output.stem}.deployment.json")


@click.command(
    epilog=example(
        "emeth-tui network deploy --rpc http://127.0.0.1:8545",
        "emeth-tui network deploy --rpc URL --name lab --verifier ADDRESS",
    )
)
@click.option(
    "--rpc",
    "rpc_urls",
    metavar="URL",
    multiple=True,
    required=True,
    help="The chain's JSON-RPC endpoint, which the profile names to everybody; repeat for more.",
)
@click.option(
    "--name", type=NAME, default="private", show_default=True, help="What the network is called in settings."
)
@click.option(
    "--url",
    default="http://127.0.0.1:3000",
    show_default=True,
    help="Where nodes will reach `network serve`.",
)
@click.option(
    "--storage-host",
    "storage_hosts",
    metavar="HOST",
    multiple=True,
    help="Host of an object store, where nodes will send results by its URLs; repeat for more.",
)
@click.option(
    "--verifier",
    type=ADDRESS,
    metavar="ADDRESS",
    help="Account that verifies results [default: the deployer's].",
)
@click.option(
    "--minter",
    type=ADDRESS,
    metavar="ADDRESS",
    help="Account that mints EMT, instead of EmethCore: rewards are then not paid.",
)
@click.option(
    "--supply",
    type=Emt(0),
    metavar="EMT",
    default="100000000",
    show_default=True,
    help="EMT that the deployer starts with.",
)
@click.option(
    "--deposit-rate",
    type=PERCENT,
    metavar="PERCENT",
    default="100",
    show_default=True,
    help="Deposit, of a job's fee.",
)
@click.option(
    "--timeout-penalty",
    type=PERCENT,
    metavar="PERCENT",
    default="25",
    show_default=True,
    help="What a deadline missed costs, of the deposit.",
)
@click.option(
    "--decline-penalty",
    type=PERCENT,
    metavar="PERCENT",
    default="25",
    show_default=True,
    help="What giving a job back costs.",
)
@click.option(
    "--failed-penalty",
    type=PERCENT,
    metavar="PERCENT",
    default="25",
    show_default=True,
    help="What a rejected result costs.",
)
@click.option(
    "--verifier-fee",
    type=Emt(0),
    metavar="EMT",
    default="10",
    show_default=True,
    help="What the verifier gets of each job.",
)
@click.option(
    "--day-reward",
    type=Emt(0),
    metavar="EMT",
    default="288000",
    show_default=True,
    help="The first day's reward; it falls to nothing in 20 years.",
)
@click.option(
    "--cap",
    type=click.IntRange(1),
    metavar="GAS",
    help="Most gas that a node is credited on a day [default: no limit].",
)
@click.option(
    "--native-symbol",
    default="ETH",
    show_default=True,
    help="Symbol of the token that pays for transactions.",
)
@click.option(
    "--model-en",
    metavar="MODEL",
    default="gpt2-medium",
    show_default=True,
    help="Model that English jobs train.",
)
@click.option(
    "--model-ja",
    metavar="MODEL",
    default="rinna/japanese-gpt2-medium",
    show_default=True,
    help="Model that Japanese jobs train.",
)
@click.option(
    "--confirmations",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="Blocks after which a transaction counts as final.",
)
@VERIFICATION
@click.option("--output", type=FILE, default="network.toml", show_default=True, help="Profile to write.")
@YES
@JSON
@click.pass_context
def deploy(context: click.Context, /, yes: bool, as_json: bool, **options: Any) -> ExitCode:
    """Deploy EmethToken and EmethCore to a chain, check them, and write the network's profile.

    Shows what it costs and asks. The account is that of the settings; it keeps the initial EMT and may name
    another verifier or minter later. Where it breaks off, the same command goes on: each transaction is kept
    beside the profile before it is sent, and none is sent twice.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    wallet = wallet_of(place, take_secrets())
    terms = _terms(options, wallet.address)
    asked = _Asked(
        list(options["rpc_urls"]),
        options["name"],
        options["url"].rstrip("/"),
        list(options["storage_hosts"]),
        options["native_symbol"],
        {"en": options["model_en"], "ja": options["model_ja"]},
        options["confirmations"],
        options["verification"],
        options["output"],
    )
    made = run(_deploy(output, wallet, terms, asked, yes=yes))
    if as_json:
        print_json(asdict(made))
    else:
        print(asked.output)
    return ExitCode.OK


def _terms(options: dict[str, Any], deployer: str) -> Terms:
    from eth_utils.address import to_checksum_address

    from emeth_tui.network.deploy import Terms
    from emeth_tui.protocol.contracts import Rates

    rates = Rates(
        options["deposit_rate"],
        options["timeout_penalty"],
        options["decline_penalty"],
        options["failed_penalty"],
        options["verifier_fee"],
        min(options["cap"] or UNLIMITED, UNLIMITED),
    )
    return Terms(
        to_checksum_address(options["verifier"] or deployer),
        options["supply"],
        rates,
        options["day_reward"],
        to_checksum_address(options["minter"]) if options["minter"] else None,
    )


async def _deploy(
    output: Output, wallet: Wallet, terms: Terms, asked: _Asked, *, yes: bool
) -> DeployedRecord:
    from emeth_tui.network import deploying
    from emeth_tui.notices.reasons.local.serving import ProfileThere

    async with deploying.open_chain(asked.rpc_urls) as w3:
        if asked.output.exists() and not asked.record_path.exists():
            raise ServiceError(ProfileThere(asked.output))
        record = await deploying.begin(w3, wallet, terms, asked.record_path)
        if asked.output.exists():
            deployment = await deploying.look_again(w3, record)
            narrate(_("deployed already; nothing is sent"))
            return _record(asked, record, deployment)
        _profile(asked, record, None)  # checked before anything is paid
        if record.has_begun:
            narrate(_("an earlier run began to deploy this; it goes on"))
        cost = await deploying.cost_of(w3, record, asked.native_symbol)
        confirm(output, _("Deploy these contracts?"), _facts(asked, record, cost), yes=yes)
        deployment = await deploying.see_through(w3, wallet, record, cost.most_wei)
        _write(asked, record, deployment)
        return _record(asked, record, deployment)


def _profile(asked: _Asked, record: DeploymentRecord, deployment: Deployment | None) -> Network:
    """Make the profile; before the deployment with the addresses that it will have. Raise SettingsError."""
    from eth_utils.address import to_checksum_address

    from emeth_tui.network.deploy import deployment_of
    from emeth_tui.settings.profiles import check_profile

    begun = record.beginning
    where = deployment or deployment_of(to_checksum_address(begun.deployer), begun.first_nonce)
    values = {
        "chain_id": begun.chain_id,
        "native_symbol": asked.native_symbol,
        "rpc_urls": asked.rpc_urls,
        "core_address": where.core_address,
        "token_address": where.token_address,
        "first_block": begun.first_block,
        "storage_url": asked.url,
        "info_url": asked.url,
        "storage_hosts": asked.storage_hosts,
        "models": asked.models,
        "confirmations": asked.confirmations,
        "verification": asked.verification,
    }
    return check_profile(asked.name, values, asked.output)


def _write(asked: _Asked, record: DeploymentRecord, deployment: Deployment) -> None:
    from emeth_tui.files import write_atomically
    from emeth_tui.notices.reasons.files import Unwritable
    from emeth_tui.settings.profiles import profile_text

    comments = {
        "verifier": record.terms.verifier,
        "minter": record.terms.minter or f"EmethCore, {deployment.core_address}",
        "deployed by": record.beginning.deployer,
    }
    text = profile_text(_profile(asked, record, deployment), comments)
    try:
        write_atomically(asked.output, text.encode())
        asked.output.chmod(0o644)  # it is for everybody
    except OSError as error:
        raise ServiceError(Unwritable(asked.output, system_text(error))) from error


def _record(asked: _Asked, record: DeploymentRecord, deployment: Deployment) -> DeployedRecord:
    from emeth_tui.listings.network_records import DeployedRecord

    return DeployedRecord(
        profile=str(asked.output),
        chain_id=record.beginning.chain_id,
        core_address=deployment.core_address,
        token_address=deployment.token_address,
        first_block=record.beginning.first_block,
        verifier=record.terms.verifier,
        minter=record.terms.minter or deployment.core_address,
    )


def _facts(asked: _Asked, record: DeploymentRecord, cost: Cost) -> list[tuple[str, str, str]]:
    terms, rates, symbol = record.terms, record.terms.rates, asked.native_symbol
    cap = _("no limit") if rates.max_slot_gas_per_node == UNLIMITED else f"{rates.max_slot_gas_per_node:,}"
    penalties = (rates.timeout_penalty_rate, rates.decline_penalty_rate, rates.failed_penalty_rate)
    return [
        (_("chain"), f"{record.beginning.chain_id}, {without_secrets(asked.rpc_urls[0])}", ""),
        (_("account"), record.beginning.deployer, "accent"),
        (_("balance"), f"{exact_token(cost.balance_wei)} {symbol}", ""),
        (
            _("cost"),
            _("{amount} at most").format(amount=f"{exact_token(cost.wei)} {asked.native_symbol}"),
            "accent",
        ),
        (_("verifier"), terms.verifier, ""),
        (_("minter"), terms.minter or "EmethCore", "warn" if terms.minter else ""),
        (_("EMT to begin with"), exact_emt(terms.supply_wei), ""),
        (_("deposit"), _("{rate} of the fee").format(rate=_percent(rates.deposit_rate)), ""),
        (
            _("penalties"),
            _("{timeout} for a missed deadline, {decline} for declining, {failed} for a bad result").format(
                timeout=_percent(penalties[0]), decline=_percent(penalties[1]), failed=_percent(penalties[2])
            ),
            "",
        ),
        (_("verifier's fee"), exact_emt(rates.verifier_fee_wei), ""),
        (_("first day's reward"), exact_emt(terms.first_slot_reward_wei), ""),
        (_("most gas a day"), cap, ""),
    ]


def _percent(rate: int) -> str:
    return f"{rate / 1_000:g} %"
