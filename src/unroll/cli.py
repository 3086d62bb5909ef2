"""The command `unroll`. Each command imports what it needs when it runs: help and completion stay quick."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from unroll.data_cli import ConfigDir, data
from unroll.errors import TrialFailed, UserError
from unroll.interruption import INTERRUPTED, Asked, interrupt, tell
from unroll.models_cli import evaluate, export_model, predict, summary
from unroll.planning_cli import seeds
from unroll.report_cli import Labs, diff, report, tell_refused
from unroll.tracking_cli import track
from unroll.visible import any_encoding, say, visible
from unroll.whole_help import Commands, say_version

USER_ERROR, TRIALS_FAILED = 2, 1
_GO_ON = ("train", "sweep", "reproduce")  # from checkpoints

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")
app.command()(track)
app.command()(report)
app.command()(diff)
for _command in (seeds, predict, evaluate, summary):
    app.command(context_settings={"ignore_unknown_options": True})(_command)
app.command("export-model")(export_model)

Overrides = Annotated[list[str] | None, typer.Argument(help="Hydra overrides: key=value, group=option.")]
Runs = Annotated[Path, typer.Option("--runs", help="The folder that holds the trials' records.")]
OwnRuns = Annotated[
    Path | None, typer.Option("--runs", help="The folder of trials: the key paths.runs. Default: runs.")
]


@app.callback()
def unroll(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=say_version)] = False,
) -> None:
    """Benchmark recurrent networks and autoencoders across tasks, reproducibly."""


def main() -> None:
    """Run the command line; what a user can mend ends in a message and exit code 2, without a traceback."""
    with Asked(interrupt, command=True) as asked:
        try:
            _run()
        except BaseException as error:
            done = isinstance(error, SystemExit) and not error.code
            if done or not (asked.noticed or isinstance(error, KeyboardInterrupt)):
                raise
            goes_on = sys.argv[1:2] and sys.argv[1] in _GO_ON
            tell("Interrupted." + " The same command goes on from the last checkpoints." * bool(goes_on))
            sys.exit(INTERRUPTED)


def _run() -> None:
    arguments = sys.argv[1:]
    any_encoding()
    try:
        if arguments[:1] in (["-sc"], ["--shell-completion"]):
            from unroll.sweeps.completion import shell_completion

            shell_completion(arguments)
        else:
            app(prog_name="unroll")
    except UserError as error:
        error.mend(arguments)
        print(error, file=sys.stderr)
        sys.exit(USER_ERROR)
    except TrialFailed as error:
        print(error, file=sys.stderr)
        sys.exit(TRIALS_FAILED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(TRIALS_FAILED)
    except OSError as error:
        from unroll.storage import file_trouble, storage_trouble

        trouble = storage_trouble(error) or file_trouble(error)
        if trouble is None:
            raise
        trouble.mend(arguments)
        print(trouble, file=sys.stderr)
        sys.exit(USER_ERROR)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
    options_metavar="[HYDRA OPTIONS]",
)
def train(context: typer.Context) -> None:
    """Train one trial: a Hydra app, with overrides, --runs, -m, --cfg job, --info, --config-dir, --help."""
    from unroll.config.runs_folder import runs_as_override
    from unroll.sweeps.job import run

    if not run(runs_as_override(context.args)):
        raise typer.Exit(TRIALS_FAILED)


@app.command(context_settings={"ignore_unknown_options": True})
def sweep(
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the trials and their states.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Train failed trials again.")] = False,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="KEY=A,B* KEY!=A KEY<N; repeatable.")] = None,
    runs: OwnRuns = None,
    config_dir: ConfigDir = None,
) -> None:
    """Train every trial of a suite that has no record yet, and print the table: suite=quickstart."""
    from unroll.config.overrides import refuse_repeated
    from unroll.config.runs_folder import with_runs
    from unroll.sweeps.sweep import run_sweep

    refuse_repeated(overrides or [])
    words = with_runs(overrides or [], runs)
    done = run_sweep(words, config_dir, dry_run=dry_run, retry_failed=retry_failed, filters=filters or [])
    if not done:
        raise typer.Exit(TRIALS_FAILED)


@app.command(context_settings={"ignore_unknown_options": True})
def cost(
    overrides: Annotated[list[str] | None, typer.Argument(help="A suite, or the overrides of trials.")] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", help="The folder of trials, whose records tell; more: records. Default: runs, results."),
    ] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="KEY=A,B* KEY!=A KEY<N; repeatable.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Count failed trials, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Say what trials will cost: core hours, disk and memory, from records of their cells or a few timed steps."""
    from unroll.config.runs_folder import stated_runs, with_runs
    from unroll.sweeps.cost_view import run_cost

    words = overrides or []
    words = with_runs(words, runs[0]) if runs and not stated_runs(words) else words
    run_cost(words, config_dir, runs or [], filters or [], retry_failed=retry_failed, in_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def status(
    overrides: Overrides = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="The folder of trials; default: runs.")] = None,
    filters: Annotated[list[str] | None, typer.Option("--filter", help="KEY=A,B* KEY!=A KEY<N; repeatable.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 s until all have ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Say how far a suite's trials are (suite=quickstart), or all trials of a folder."""
    from unroll.sweeps.status import Watched
    from unroll.sweeps.status_view import show

    show(Watched(overrides or [], runs, filters or [], config_dir), watch=watch, in_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def matrix(
    overrides: Overrides = None,
    tasks: Annotated[list[str] | None, typer.Option("--task", help="Only this task; repeatable.")] = None,
    architectures: Annotated[
        list[str] | None, typer.Option("--architecture", help="Only this architecture; repeatable.")
    ] = None,
    parameters: Annotated[bool, typer.Option("--parameters", help="Count them where data is on this machine.")] = False,
    suite: Annotated[str | None, typer.Option("--suite", help="Count this suite's records; needs no torch.")] = None,
    form: Annotated[str, typer.Option("--format", help="text or md.")] = "text",
    runs: OwnRuns = None,
    config_dir: ConfigDir = None,
) -> None:
    """Print the grid of architectures and tasks: which cells run, or why not; a suite's records."""
    from unroll.config.runs_folder import with_runs
    from unroll.sweeps import matrix as grids
    from unroll.sweeps.matrix_view import show

    names, words = (tasks or [], architectures or []), with_runs(overrides or [], runs)
    if suite is None:
        show(lambda: grids.matrix(words, config_dir, *names, parameters), form)
    else:
        show(lambda: grids.suite_matrix(suite, words, config_dir, *names), form)


@app.command()
def audit(
    folders: Annotated[list[str] | None, typer.Argument(help="Of trials, or of records; FOLDER or LAB=FOLDER.")] = None,
    retrain: Annotated[
        float | None,
        typer.Option("--retrain", help="Train so many again that forgeries are met with this probability."),
    ] = None,
    share: Annotated[float, typer.Option("--share", help="Of --retrain: the share that is forged.")] = 0.05,
    lot: Annotated[
        str | None,
        typer.Option("--lot", help="Of --retrain: a public text that draws the trials; default: the records."),
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Of --retrain: run code that records name.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Check that each record is true to itself, and that the runs of one trial agree: of `runs`, or these folders."""
    from unroll.registry.groups import config_directories
    from unroll.verification.auditing import run_audit

    config_directories(config_dir)
    if not run_audit(folders or ["runs"], retrain, share, lot, trust):
        raise typer.Exit(TRIALS_FAILED)


@app.command()
def dispute(
    trial: Annotated[str, typer.Argument(help="A trial's id, its directory, or its record.")],
    lab: Annotated[str, typer.Option("--lab", help="Who disputes.")],
    runs: Runs = Path("runs"),
    results: Annotated[Path, typer.Option("--results", help="What is disputed: holds records/.")] = Path("results"),
) -> None:
    """Copy a record that contradicts the published one of its trial into results/disputes/LAB/: its row is reopened."""
    from unroll.verification.disputes import dispute as file

    say(file(trial, lab, runs, results))


@app.command(context_settings={"ignore_unknown_options": True})
def reproduce(
    words: Annotated[list[str] | None, typer.Argument(help="Published tables, and overrides: budget=paper.")] = None,
    rows: Annotated[list[str] | None, typer.Option("--row", help="Only this row, or pattern; repeatable.")] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the published tables.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="Train nothing: judge the records that are there.")] = False,
    half: Annotated[bool, typer.Option("--half", help="Train each row with half its budget, too.")] = False,
    runs: Annotated[Path | None, typer.Option("--runs", help="The folder of trials or records.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="A file of the tables: .md, .tex or .csv.")] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Train what published tables describe, and print reported beside reproduced numbers with verdicts."""
    from unroll.reproduction import run as reproduction

    if show_list:
        reproduction.show_list(runs, config_dir)
    elif not reproduction.run_reproduction(
        words or [], rows or [], config_dir, train=not judge, half=half, runs=runs, out=out
    ):
        raise typer.Exit(TRIALS_FAILED)


@app.command()
def show(
    trial: Annotated[str, typer.Argument(help="A trial's id, its directory, or its record.")],
    runs: Runs = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print a trial's config, result, environment, the command to run it again, and its curves."""
    import json

    from unroll.sweeps.show import show as known
    from unroll.sweeps.show_view import lines

    found = known(trial, runs, config_dir)
    if as_json:
        say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for line in map(visible, lines(found)):
        typer.secho(line, bold=not line.startswith(" "))


@app.command()
def sample(
    trial: Annotated[str, typer.Argument(help="A trial's id, its directory, or its record.")],
    prompt: Annotated[str, typer.Option("--prompt", help="What texts begin with; of masked words, with ___.")] = "",
    count: Annotated[int, typer.Option("--count", help="Texts.")] = 1,
    length: Annotated[int, typer.Option("--length", help="Tokens of each, at most.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    temperature: Annotated[float, typer.Option("--temperature", help="Divides log probabilities.")] = 1.0,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Draw from so many likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", help="Draw from the likeliest with this share.")] = None,
    runs: Runs = Path("runs"),
    trust: Annotated[bool, typer.Option("--trust", help="Run code that the config names and Unroll lacks.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print texts that a trained language model draws, or fill the blanks of a sentence."""
    from unroll.records.store import locate
    from unroll.registry.groups import config_directories
    from unroll.training.sampling import Drawing
    from unroll.training.sampling import sample as drawn

    place = locate(trial, runs)
    config_directories(config_dir)  # the code that the config names lies there
    how = Drawing(count, length, seed, temperature, top_k, top_p)
    for number, text in enumerate(drawn(place.parent if place.suffix else place, prompt, how, trust)):
        for line in ([""] if number else []) + text.split("\n"):
            say(line)


@app.command()
def verify(
    trial: Annotated[str, typer.Argument(help="A trial's id, its directory, or its record.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Of the trainer: trainer.threads=2.")] = None,
    runs: Runs = Path("runs"),
    trust: Annotated[bool, typer.Option("--trust", help="Run code that the record names and Unroll lacks.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Train a trial again: the result must be bit-identical or, on other hardware, within tolerance."""
    from unroll.api import find_record
    from unroll.registry.groups import config_directories

    record = find_record(trial, runs)
    config_directories(config_dir)  # the code that the record names lies there
    from unroll.verification.verify import predictions_of
    from unroll.verification.verify import verify as train_again
    from unroll.verification.words import lines

    found = train_again(record, overrides or [], runs, predictions_of(trial, runs), trust)
    if found is None:  # a rank other than 0
        return
    for line in lines(found):
        say(line)
    if not found.passed:
        raise typer.Exit(TRIALS_FAILED)


@app.command(context_settings={"ignore_unknown_options": True})
def doctor(
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    runs: OwnRuns = None,
    config_dir: ConfigDir = None,
) -> None:
    """Say what this machine has and what would fail: --runs /scratch/me/runs trainer=gpu."""
    from unroll.config.runs_folder import with_runs
    from unroll.doctor.checks import doctor as examine
    from unroll.doctor.line import PROBLEM, show
    from unroll.doctor.line import as_json as in_json

    lines = examine(with_runs(overrides or [], runs), config_dir)
    if as_json:
        say(in_json(lines))
    else:
        show(lines)
    if any(line.state == PROBLEM for line in lines):
        raise typer.Exit(TRIALS_FAILED)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write: .csv or .parquet.")],
    runs: Labs = None,
    status: Annotated[str | None, typer.Option("--status", help="Only such records: finished or failed.")] = None,
) -> None:
    """Write the records as one table, a row a trial, a column a field."""
    from unroll.records.export import export as write

    refused: list[UserError] = []
    say(f"{out}: {write(runs or ['runs'], out, status, refused)} records")
    tell_refused(refused)
