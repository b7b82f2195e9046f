"""`python -m benchmarks [train|job]`: measure; `train` when nothing is named. Results go to stdout."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from benchmarks import job, train
from benchmarks.rounds import Machine
from emeth_tui.errors import EmethError
from emeth_tui.training.devices import set_threads

_DEFAULT_COMMAND = "train"
_TRAIN = train.TrainSetup()
_JOB = job.JobSetup()
_COUNT = click.IntRange(min=1)
_MIN_VOCAB, _MIN_SIZE_BYTES = 2, 4_096  # nodes skip smaller datasets (protocol.md §10)
_threads_option = click.option(
    "--threads",
    type=_COUNT,
    help="CPU threads of both sides; default: one a core. 1 where others share the cores.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.group(help="Measure emeth-tui against the reference loop; method and figures are in BENCHMARKS.md.")
def cli() -> None:
    pass


@cli.command("train", help="Tokens a second of the training loop (the default).")
@click.option("--rounds", type=_COUNT, default=_TRAIN.rounds, show_default=True)
@click.option("--steps", type=_COUNT, default=_TRAIN.steps, show_default=True, help="In each round.")
@click.option("--batch", type=_COUNT, default=_TRAIN.batch, show_default=True, help="Blocks of 128 tokens.")
@click.option("--layers", type=_COUNT, default=_TRAIN.layers, show_default=True)
@click.option("--width", type=_COUNT, default=_TRAIN.width, show_default=True, help="A multiple of 64.")
@click.option("--vocab", type=click.IntRange(min=_MIN_VOCAB), default=_TRAIN.vocab, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=_TRAIN.seed, show_default=True)
@_threads_option
@_json_option
def train_command(as_json: bool, threads: int | None, **options: int) -> None:
    if options["width"] % train.HEAD_WIDTH:
        raise click.BadParameter(f"must be a multiple of {train.HEAD_WIDTH}", param_hint="--width")
    _use_threads(threads)
    result = train.measure(train.TrainSetup(**options), _narrate)
    setup, last = result.setup, result.rounds[-1]
    _print(
        result,
        as_json,
        f"{setup.layers} layers, width {setup.width}, vocabulary {setup.vocab:,}, "
        f"batch {setup.batch} x 128 tokens, {setup.steps} steps a round, fp32, dropout {train.DROPOUT}",
        f"training: {result.speed} the reference loop, median of {setup.rounds} interleaved rounds",
        f"CPU time: {result.cpu}",
        f"training loss of the last round: ours {last.ours_loss:.4f}, reference {last.reference_loss:.4f} "
        f"(untrained {result.untrained_loss:.4f})",
    )


@cli.command("job", help="A whole job with the devnet model, from text file to result file.")
@click.option("--rounds", type=_COUNT, default=_JOB.rounds, show_default=True)
@click.option("--epochs", type=_COUNT, default=_JOB.epochs, show_default=True)
@click.option(
    "--size-bytes",
    type=click.IntRange(min=_MIN_SIZE_BYTES),
    default=_JOB.size_bytes,
    show_default=True,
    help="At most so much of the text.",
)
@click.option("--language", type=click.Choice(["en", "ja"]), default=_JOB.language, show_default=True)
@click.option(
    "--corpus",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of *.txt; default: the texts that ship.",
)
@_threads_option
@_json_option
def job_command(
    as_json: bool,
    threads: int | None,
    rounds: int,
    epochs: int,
    size_bytes: int,
    language: str,
    corpus: Path | None,
) -> None:
    _use_threads(threads)
    setup = job.JobSetup(rounds, epochs, size_bytes, language, str(corpus) if corpus else None)
    result = job.measure(setup, _narrate)
    _print(
        result,
        as_json,
        f"devnet model, {result.dataset_bytes:,} bytes of text ({language}), {epochs} epochs",
        f"whole job: {result.speed} the reference loop, median of {rounds} interleaved rounds",
        f"CPU time: {result.cpu}",
        f"validation loss untrained: {result.untrained_loss:.4f}",
    )


def _use_threads(threads: int | None) -> None:
    if threads is not None:
        set_threads(threads)


def _narrate(line: str) -> None:
    click.echo(line, err=True)


def _print(result: train.TrainResult | job.JobResult, as_json: bool, *lines: str) -> None:
    if as_json:
        content = dataclasses.asdict(result)
        both: list[tuple[float, float]] = [(each.ratio, each.cpu_ratio) for each in result.rounds]
        for fields, (ratio, cpu_ratio) in zip(content["rounds"], both, strict=True):
            fields |= {"ratio": ratio, "cpu_ratio": cpu_ratio}
        click.echo(json.dumps(content, indent=2))
        return
    for line in (*lines, _described(result.machine)):
        click.echo(line)


def _described(machine: Machine) -> str:
    return (
        f"on {machine.cpu}, {machine.cores} cores ({machine.vector_instructions}), "
        f"{machine.torch_threads} threads, load {machine.load_average:.1f}; Python {machine.python}, "
        f"torch {machine.torch}, transformers {machine.transformers}"
    )


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments = [_DEFAULT_COMMAND, *arguments]
    try:
        cli.main(arguments, prog_name="python -m benchmarks")
    except EmethError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
