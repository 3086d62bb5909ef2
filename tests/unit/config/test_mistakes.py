"""A mistake on the command line is one message that says what was meant: no work, no traceback, no line of Hydra's."""

import sys
from pathlib import Path

import pytest
from stub_records import write_finished
from tiny_data import write_tiny

from unroll import api, cli
from unroll.config import explain
from unroll.config.compose import compose
from unroll.errors import UserError

pytestmark = pytest.mark.usefixtures("believed")


@pytest.fixture
def unroll(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command line in this process; gives the exit code and what was printed to stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["unroll", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as error:
            code = int(error.code or 0)
        return code, capfd.readouterr().err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["arch=lstm"], "Did you mean 'architecture'?"),
        (["lr=0.1"], "Did you mean 'optimizer.learning_rate'?"),
        (["optimizer.lr=0.1"], "Did you mean 'optimizer.learning_rate'?"),
        (["batch_size=3"], "Did you mean 'data.batch_size'?"),
        (["--architecture", "lstm"], "architecture=VALUE, without dashes"),
        (["--no-such-thing"], "no_such_thing=VALUE"),
        (["task=sentiment", "task=translation"], "'task' is given twice"),
        (["seed=1", "optimizer.learning_rate=1", "seed=2"], "-m seed=1,2"),
        (["hydra.mode=foo"], "expected one of [RUN, MULTIRUN]"),
        (["optimizer.learning_rate=fast"], "allowed: a number"),
        (["logger.wandb.tags=3"], "allowed: a list of text"),
        (["optimizer.supervised.learning_rate=x"], "allowed: a number more than 0 or null"),
        (["seed=0,1"], "run:     unroll train seed=0,1 -m"),
        (["budget.steps=3"], "run:     unroll train budget.epochs=null budget.steps=3"),
        (["task.primary.name=f2"], "allowed: accuracy, macro_f1, ece, nll"),
        (["task.primary.direction=lower"], "run:     unroll train 'task.primary.direction='\"'\"'higher'\"'\"''"),
        (["task.primary.unit=dB"], "allowed: %"),
        (["task=compression", "task.selection.name=psnr"], "allowed: mse_uncoded"),
        (["architecture=5"], "There is no architecture '5'."),
        (["~data=5"], "There is no data '5'."),
        (["architecture=null"], "There is no architecture 'null'."),
        (["hydra/help=5"], "What a group offers is chosen by a name."),
    ],
)
def test_what_was_meant(unroll, words: list[str], said: str) -> None:
    code, err = unroll("train", *words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert "Error executing job" not in err


def test_a_name_that_hydra_reads_as_a_number_is_quoted(unroll, tmp_path: Path) -> None:
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "2020.yaml").write_text("defaults: [copying, _self_]\nname: twenty\n")
    code, err = unroll("train", "--config-dir", "mine", "task=copying", "data=2020")
    assert (code, "allowed: 'data='\"'\"'2020'\"'\"''" in err) == (2, True)


def test_a_yaml_of_another_encoding_is_one_message(unroll, tmp_path: Path) -> None:
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "own.yaml").write_bytes("name: café\n".encode("latin-1"))
    code, err = unroll("train", "--config-dir", "mine", "task=copying", "data=own")
    assert (code, "A YAML file cannot be read." in err) == (2, True)


def test_a_mistake_that_the_data_show_is_told_without_hydras_line(unroll, tmp_path: Path) -> None:
    tiny = write_tiny(tmp_path)
    (places,) = [word for word in tiny.overrides("sentiment", tmp_path / "runs") if word.startswith("paths.data=")]
    others = [word for word in tiny.overrides("sentiment", tmp_path / "runs") if word != places]
    code, err = unroll("train", "--config-dir", tiny.config_dir, *others, "paths.data=/nowhere")
    assert code == 2
    assert "\ndata set" in err
    assert "Error executing job" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--runs", "{runs}", "--out", "/proc/x.md"],
        ["report", "--runs", "{runs}", "--figures", "/proc/figures"],
        ["export", "--runs", "{runs}", "--out", "/proc/x.csv"],
        ["export", "--runs", "{runs}", "--out", "/dev/null/x.csv"],
    ],
)
def test_an_output_that_cannot_be_written_is_one_message(unroll, words: list[str], tmp_path: Path) -> None:
    write_finished(api.compose(["task=copying", f"paths.runs={tmp_path}/runs"]))
    code, err = unroll(*(word.replace("{runs}", f"{tmp_path}/runs") for word in words))
    assert code == 2
    assert "/proc/" in err or "/dev/null" in err
    assert "Traceback" not in err


def test_the_api_says_so_too() -> None:
    with pytest.raises(UserError, match="list of texts"):
        api.compose("task=sentiment")
    with pytest.raises(UserError) as caught:
        api.compose(["task=sentiment", "budget.steps=3"])
    assert caught.value.run == "unroll train task=sentiment budget.epochs=null budget.steps=3"


@pytest.mark.parametrize(("more", "most"), [([], 3), (["data.nmae=a"], 6)])
def test_mistakes_among_many_overrides_are_found_without_composing_each_by_hydra(
    more: list[str], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, real = [], explain.compose
    monkeypatch.setattr(explain, "compose", lambda *given, **more: done.append(given) or real(*given, **more))
    right = [f"data.options.new_{number}={number}" for number in range(20)]
    with pytest.raises(UserError, match="Did you mean 'optimizer"):
        compose(["task=sentiment", "architecture=gru", *right, "optimizer.lr=1", "seed=3", *more])
    assert len(done) <= most
