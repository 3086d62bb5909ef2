"""Commands that use a trained model: predict, evaluate, summary, export-model."""

from pathlib import Path
from typing import Annotated

import typer

from unroll.data_cli import ConfigDir
from unroll.visible import say

Place = Annotated[str, typer.Argument(help="A trial's id, its directory, or a folder of export-model.")]
Runs = Annotated[Path, typer.Option("--runs", help="The folder that holds the trials.")]
Trust = Annotated[bool, typer.Option("--trust", help="Run code that the config names and Unroll lacks.")]
Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1.")]


def predict(
    trial: Place,
    file: Annotated[Path, typer.Argument(help="Text lines (- reads them from stdin), .csv or .npy.")],
    out: Annotated[Path | None, typer.Option("--out", help="A .txt, .csv, .jsonl, .npy or .npz file.")] = None,
    device: Device = "cpu",
    runs: Runs = Path("runs"),
    trust: Trust = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print or write what a trained model says of a file of raw inputs."""
    from unroll.inference.files import check_output, lines, read_inputs, write
    from unroll.inference.loading import load
    from unroll.registry.groups import config_directories

    config_directories(config_dir)  # the code that the config names lies there
    if out is not None:
        check_output(out)
    model = load(trial, runs=runs, trust=trust, device=device)
    found = model.predict(read_inputs(file, model.trial.plain["data"]["kind"]))
    names = list(getattr(model.task, "names", ()))
    if out is None:
        for line in lines(found, names):
            say(line)
    else:
        write(found, out, names)
        say(out)


def evaluate(
    trial: Place,
    overrides: Annotated[list[str] | None, typer.Argument(help="Other data: data=NAME data.KEY=VALUE.")] = None,
    split: Annotated[str, typer.Option("--split", help="validation or test.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    device: Device = "cpu",
    runs: Runs = Path("runs"),
    trust: Trust = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print the metrics of a trained model on its own data, or on others with its vocabulary and scales."""
    import json

    from unroll.config.overrides import refuse_repeated
    from unroll.inference.loading import load
    from unroll.registry.facts import facts
    from unroll.registry.groups import config_directories

    refuse_repeated(overrides or [])
    config_directories(config_dir)
    model = load(trial, runs=runs, trust=trust, device=device)
    found = model.evaluate(split, overrides or [], config_dir)
    if as_json:
        say(json.dumps(found, indent=1))
        return
    known, width = facts(model.trial.plain["task"]), max(map(len, found))
    for name, value in found.items():
        say(f"{split} {name:<{width}}  {value:.6g} {known.unit(name) or ''}".rstrip())


def summary(
    words: Annotated[
        list[str] | None, typer.Argument(help="A trial, or overrides: architecture=gru task=copying.")
    ] = None,
    runs: Runs = Path("runs"),
    trust: Trust = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print a network's layers, shapes, parameters and operations: of a trained one, or before it is trained."""
    from unroll.api import compose
    from unroll.config.overrides import refuse_repeated
    from unroll.errors import UserError
    from unroll.inference.loading import load
    from unroll.inference.summary import summary_before
    from unroll.registry.groups import config_directories

    given = words or []
    trained = [word for word in given if "=" not in word]
    if not given or (trained and len(given) > 1):
        allowed = "one trial, or overrides such as architecture=gru task=copying"
        raise UserError("Of which network?", saw=" ".join(given) or "nothing", allowed=allowed)
    if trained:
        config_directories(config_dir)
        say(load(trained[0], runs=runs, trust=trust).summary())
        return
    refuse_repeated(given)
    say(summary_before(compose(given, config_dir)))


def export_model(
    trial: Place,
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder.")],
    runs: Runs = Path("runs"),
    trust: Trust = False,
    config_dir: ConfigDir = None,
) -> None:
    """Write a model that works without its data and elsewhere: weights, tokenizers or scales, config, card."""
    from unroll.inference.loading import load
    from unroll.registry.groups import config_directories

    config_directories(config_dir)
    say(load(trial, runs=runs, trust=trust).export(folder))
