"""The card of an exported model: what it does, what it was trained on, how well it does, how it is used."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unroll.analysis.render.markdown import plain
from unroll.config.again import again, command
from unroll.config.trial import Trial, row
from unroll.errors import UserError
from unroll.registry.facts import facts

if TYPE_CHECKING:
    from unroll.inference.model import Model


def card(model: "Model", about: dict[str, Any]) -> str:
    """Return the README.md of a model; `about` is what model.json holds. What a config says is shown as text."""
    config, trial = model.trial.plain, model.trial
    task, data, origin = config["task"], config["data"], config["data"].get("origin") or {}
    primary, metrics = task["primary"]["name"], about["metrics"] or {}
    known = facts(task)
    scores = [
        f"| {plain(name)} | {_number(metrics.get('validation', {}).get(name))} | {_number(value)} | "
        f"{plain(str(known.unit(name) or ''))} |"
        for name, value in sorted(metrics.get("test", {}).items(), key=lambda item: (item[0] != primary, item[0]))
    ]
    table = ["| metric | validation | test | unit |", "| --- | ---: | ---: | --- |", *scores]
    again_line = _command(trial)
    total = sum(parameter.numel() for parameter in model.network.parameters())
    lines = [
        f"# {plain(trial.trial_id)}",
        f"A {plain(row(config))} network of {total:,} parameters for {plain(task['name'])}, trained with Unroll "
        f"{about['unroll']} on {plain(data['name'])}.",
        "## Use",
        '```python\nimport unroll\n\nmodel = unroll.load("THIS_FOLDER")\nprint(model.predict(INPUTS))\n```',
        "`docs/models.md` of Unroll lists inputs and outputs of each task. At the command line: `unroll predict "
        "THIS_FOLDER FILE`. The data are not needed. Loading runs no code from this folder and unpickles nothing.",
        "## Scores",
        "\n".join(table) if scores else "The trial has no record: nothing was scored.",
        *([f"{plain(primary)} is the primary metric; the weights are {_weights(config)}."] if scores else []),
        "## Data",
        "\n".join(
            f"- {name}: {plain(str(value))}"
            for name, value in (
                ("name", data["name"]),
                ("licence", origin.get("licence") or "not stated"),
                ("citation", origin.get("citation") or "not stated"),
                ("homepage", origin.get("homepage") or "not stated"),
                ("SHA-256 of the examples", about["data_sha256"] or "not recorded"),
            )
        ),
        "The vocabulary, scales and the like in `model.json` were made from train. Weights may be bound by the data's "
        "licence.",
        *(["## Training", f"```sh\n{again_line}\n```"] if again_line else []),
    ]  # fmt: skip
    return "\n\n".join(lines) + "\n"


def _weights(config: Mapping[str, Any]) -> str:
    """Which weights a trial's config evaluates, in words."""
    if config["budget"].get("weights") == "last":
        return "those of the last step"
    return f"the best by {plain(config['task']['selection']['name'])} on validation"


def _command(trial: Trial) -> str | None:
    """The command that trains it again; None where today's YAML gives no such trial."""
    try:
        return command(again(trial.trial_id, trial.plain)[0], trial.plain["trainer"])
    except (UserError, KeyError, ValueError, TypeError):
        return None


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.6g}"
