"""`emeth-tui requests fetch`, `sample` and `compare`: what was paid for, checked and used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.at_rest import take_secrets
from emeth_tui.cli.node.place import Place, place_of, run
from emeth_tui.cli.output.printing import JSON, Output, example, print_json
from emeth_tui.cli.output.progress import progress, share_progress
from emeth_tui.cli.output.table import fact_lines
from emeth_tui.cli.requester.completing import REQUEST_ID
from emeth_tui.cli.requester.place import find_request, wallet_of
from emeth_tui.cli.types import Utf8Path
from emeth_tui.errors import ExitCode
from emeth_tui.foreign_text import clean
from emeth_tui.streams import narrate
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.requester.fetching import Fetched
    from emeth_tui.store.requests import StoredRequest

TOKENS = click.option(
    "--tokens", type=click.IntRange(1, 2_000), default=100, show_default=True, help="How many to add."
)
TEMPERATURE = click.option(
    "--temperature",
    type=click.FloatRange(0.0, 10.0),
    default=0.8,
    show_default=True,
    help="0 takes the likeliest token each time.",
)
SEED = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the draw."
)


@click.command(epilog=example("emeth-tui requests fetch 6f2a", "emeth-tui requests fetch 6f2a ~/novel-model"))
@click.argument("job_id", metavar="ID", type=REQUEST_ID)
@click.argument("directory", type=Utf8Path(file_okay=False), required=False)
@JSON
@click.pass_context
def fetch(context: click.Context, job_id: str, directory: Path | None, as_json: bool) -> ExitCode:
    """Fetch the result of a verified job, check it, and write a directory that `transformers` loads.

    Checked are its hash chain, where the network's verification key is known, its tensors and its validation
    loss. The directory, `emeth-` and the id's first digits without one, is printed; it must not exist yet.
    """
    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    request = find_request(place, job_id)
    target = (directory or Path(f"emeth-{request.job_id[2:10]}")).absolute()
    work = _Work(place, request, take_secrets())
    fetched, checked, figures = run(work.model(target))
    from emeth_tui.listings.requests import model_facts, model_record

    if as_json:
        print_json(asdict(model_record(request.job_id, target, checked, fetched.result, figures)))
        return ExitCode.OK
    for line in fact_lines(model_facts(checked, figures), output.style):
        narrate(line)
    print(target)
    return ExitCode.OK


@click.command(
    epilog=example(
        "emeth-tui requests sample 6f2a --prompt 'Once upon a time'",
        "emeth-tui requests sample 6f2a --prompt 'The sea' --temperature 0",
    )
)
@click.argument("job_id", metavar="ID", type=REQUEST_ID)
@click.option("--prompt", required=True, help="What the model goes on from.")
@TOKENS
@TEMPERATURE
@SEED
@click.pass_context
def sample(
    context: click.Context, job_id: str, prompt: str, tokens: int, temperature: float, seed: int
) -> ExitCode:
    """Continue a prompt with the model that a job brought; what it adds is printed."""
    place = place_of(context)
    work = _Work(place, find_request(place, job_id), take_secrets())
    how = {"prompt": prompt, "tokens": tokens, "temperature": temperature, "seed": seed}
    answer = run(work.open("sample", how))
    print("\n".join(map(clean, str(answer["text"]).splitlines())))
    return ExitCode.OK


@click.command(
    epilog=example(
        "emeth-tui requests compare 6f2a", "emeth-tui requests compare 6f2a --prompt 'The sea' --json"
    )
)
@click.argument("job_id", metavar="ID", type=REQUEST_ID)
@click.option(
    "--prompt", "prompts", multiple=True, help="Repeat for more [default: from the validation text]."
)
@TOKENS
@TEMPERATURE
@SEED
@JSON
@click.pass_context
def compare(
    context: click.Context,
    job_id: str,
    prompts: tuple[str, ...],
    tokens: int,
    temperature: float,
    seed: int,
    as_json: bool,
) -> ExitCode:
    """Compare a job's model with the one that it started from: losses, and samples side by side."""
    from emeth_tui.listings.requests import comparison_facts, comparison_record, sample_lines
    from emeth_tui.protocol.job_ids import training_seed

    place = place_of(context)
    output = Output(as_json, ascii_only=place.settings.screen.ascii)
    request = find_request(place, job_id)
    work = _Work(place, request, take_secrets())
    how = {"prompts": list(prompts), "tokens": tokens, "temperature": temperature, "seed": seed}
    answer = run(work.open("compare", {**how, "training_seed": training_seed(request.job_id)}))
    if as_json:
        print_json(asdict(comparison_record(request.job_id, answer)))
        return ExitCode.OK
    output.facts(comparison_facts(answer))
    output.lines(sample_lines(answer, output.style.width))
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Work:
    """One command's work on one result."""

    place: Place
    request: StoredRequest
    secrets: Mapping[str, str]

    @property
    def _log(self) -> Path:
        return self.place.state_dir / "logs" / "results.log"

    async def model(self, target: Path) -> tuple[Fetched, bool, dict[str, Any]]:
        """Fetch, check and write a model; return also whether its hash chain was checked."""
        from emeth_tui.engine.requester.fetching import write_model
        from emeth_tui.settings import load_network

        fetched = await self.fetched()
        narrate(_("checking the result, and measuring its loss"))
        network = load_network(self.place.settings, environment=self.secrets)
        key = network.verification_key.get_secret_value()
        figures, checked = await write_model(fetched, target, self._log, key)
        return fetched, checked, figures

    async def open(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Fetch a result, unless it is here, and do a task with it."""
        return await (await self.fetched()).open(task, self._log, **arguments)

    async def fetched(self) -> Fetched:
        """Fetch what is not here yet: dataset, result, and the model that training started from."""
        fetched = await self._result()
        await self._make_model_ready()
        return fetched

    async def _make_model_ready(self) -> None:
        from emeth_tui.training.files.models import model_spec, present_files
        from emeth_tui.workers.model_keeper import make_ready

        model = self.request.model
        if model_spec(model).pretrained and present_files(model) is None:
            with share_progress(_("fetching the model")) as show:
                await make_ready(self._log.parent, model, lambda share: show(share, ""))

    async def _result(self) -> Fetched:
        from emeth_tui.clients.chain.client import ChainClient
        from emeth_tui.clients.http.transport import open_transport
        from emeth_tui.clients.storage.client import StorageClient
        from emeth_tui.clients.storage.requester import RequesterStorage
        from emeth_tui.engine.requester.fetching import fetch
        from emeth_tui.engine.view.following import follow

        network, wallet = self.place.network(), wallet_of(self.place, self.secrets)
        chain = await ChainClient.connect(network)
        try:
            (followed,) = await follow(chain, [self.request])
        finally:
            await chain.close()
        directory = self.place.state_dir / "requests" / self.request.job_id
        async with open_transport() as transport:
            with progress(_("fetching")) as on_progress:
                return await fetch(
                    followed,
                    StorageClient(network, wallet, transport),
                    RequesterStorage(network, wallet, transport),
                    directory,
                    on_progress,
                )
