"""Saved views and a report in W&B: wandb-workspaces itself against the stand-in for W&B's server, read back as JSON."""

import functools
import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from wandb_server import KEY, WandbServer, wandb_server

from unroll.cli import app
from unroll.config.planned import Plan
from unroll.errors import UserError
from unroll.records.audit import pooled
from unroll.records.pool import Pool
from unroll.sweeps.suite import plan
from unroll.sweeps.track_views import track_views
from unroll.tracking.suite_view import COSTS
from unroll.tracking.workspace import Where

pytestmark = pytest.mark.skipif(
    find_spec("wandb_workspaces") is None and os.environ.get("CI") != "true",
    reason="an extra: pip install 'unroll-bench[wandb-report]'",
)
RECORDS = Path(__file__).parents[2] / "results" / "records"
FORECASTING = "forecasting/beijing_pm25/horizon=24"


@pytest.fixture(scope="module")
def quickstart() -> Plan:
    return plan(["suite=quickstart"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WandbServer]:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with wandb_server() as running:
        running.projects.append("unroll")
        monkeypatch.setenv("WANDB_BASE_URL", running.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield running


@functools.cache
def records() -> Pool:
    return pooled([str(RECORDS)], [])


def said(made: Plan, where: Where | None = None, **asked: Any) -> list[str]:
    pool = records() if asked.get("report") else Pool({})
    return list(track_views(made, pool, where or Where(), [], **asked))


def filtered(runset: dict[str, Any]) -> dict[str, str]:
    found = runset["filters"]["filters"]
    assert {one["op"] for one in found} == {"="}
    assert {one["key"]["section"] for one in found} == {"config"}
    assert not any(one["disabled"] for one in found)
    return {one["key"]["name"]: one["value"] for one in found}


def drawn(panels: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [panel["config"] for panel in panels if panel["viewType"] == kind]


def test_views_are_saved_and_saved_again_in_their_place(server: WandbServer, quickstart: Plan) -> None:
    first = said(quickstart, workspace=True)
    saved = {view["displayName"]: view for view in server.views.values()}
    assert len(first) == len(saved) == 6
    assert first[0].startswith(f"Unroll: quickstart: {server.url}/local/unroll?nw=")
    assert said(quickstart, workspace=True) == first
    assert len(server.views) == 6
    assert {view.get("id") is None for view in server.views.values()} == {False}, "the second save names the first"
    spec = saved["Unroll: quickstart"]["spec"]["section"]
    (runs,) = spec["runSets"]
    assert filtered(runs) == {"suite": "quickstart", "kind": "network"}
    assert [key["name"] for key in runs["grouping"]] == ["problem.value", "group"]
    assert runs["sort"]["keys"][0] == {"key": {"section": "summary", "name": "primary/skill"}, "ascending": False}
    assert "summary:primary/skill" in runs["runFeed"]["columnPinned"]
    assert spec["settings"]["shouldAutoGeneratePanels"] is False, "not one panel for each of a hundred names"
    (section,) = spec["panelBankConfig"]["sections"]
    assert section["name"] == "Which architecture is better: quickstart"
    (skill,) = drawn(section["panels"], "Bar Chart")
    assert (skill["metrics"], skill["groupBy"]) == (["primary/skill"], "architecture.value")
    assert (skill["groupAgg"], skill["groupArea"]) == ("mean", "stddev")
    axes = [(one["xAxis"], one["yAxis"]) for one in drawn(section["panels"], "Scatter Plot")]
    assert axes == [(f"summary:{cost}", "summary:primary/skill") for cost in COSTS]


def test_a_view_of_a_problem_has_its_runs_alone(server: WandbServer, quickstart: Plan) -> None:
    said(quickstart, workspace=True)
    (view,) = [one for one in server.views.values() if "forecasting" in one["displayName"]]
    spec = view["spec"]["section"]
    assert filtered(spec["runSets"][0]) == {"suite": "quickstart", "problem": FORECASTING}
    curves = drawn(spec["panelBankConfig"]["sections"][0]["panels"], "Run History Line Plot")
    assert [(one["xAxis"], one["metrics"]) for one in curves] == [
        ("progress/epoch", ["selection"]),
        ("progress/tflop", ["selection"]),
    ]
    for one in curves:
        assert (one["groupBy"], one["groupAgg"], one["groupArea"]) == ("architecture.value", "mean", "stddev")
        assert one["limit"] >= 100, "W&B would leave runs out of the mean"
        assert one["smoothingType"] == "none"


def test_the_report_has_panels_and_unrolls_own_tables(server: WandbServer, quickstart: Plan) -> None:
    (line,) = said(quickstart, report=True)
    assert said(quickstart, report=True) == [line]
    (view,) = server.views.values()
    assert (view["type"], view["displayName"]) == ("runs", "Unroll: quickstart")
    blocks = view["spec"]["blocks"]
    headings = [block["children"][0]["text"] for block in blocks if block["type"] == "heading"]
    assert headings[0] == "Which architecture is better: quickstart"
    assert FORECASTING in headings
    grids = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    assert len(grids) == 6
    assert all(len(grid["runSets"]) == 1 and grid["panelBankSectionConfig"]["panels"] for grid in grids)
    assert [filtered(grid["runSets"][0]).get("problem") for grid in grids] == [None, *headings[1:6]]
    texts = "\n".join(block["content"] for block in blocks if block["type"] == "markdown-block")
    published = (RECORDS.parent / "tables" / "quickstart.md").read_text(encoding="utf-8")
    row = next(text for text in published.splitlines() if text.startswith("| gru |"))
    assert row in texts, "the table that results/ holds"
    assert "95 % t-interval of the mean" in texts
    assert r"\begin{tabular}" in texts
    formulas = [block["content"] for block in blocks if block["type"] == "latex"]
    assert len(formulas) == 6
    assert all(text.startswith(r"\begin{array}{l") and text.count("{") == text.count("}") for text in formulas)
    assert not any("tabular" in text or "rule" in text for text in formulas), "KaTeX knows neither"


def test_verdicts_of_claims_stand_in_the_report(server: WandbServer) -> None:
    said(plan(["suite=claims"]), report=True)
    (view,) = server.views.values()
    texts = "\n".join(block["content"] for block in view["spec"]["blocks"] if block["type"] == "markdown-block")
    assert "What is said, and what the trials say" in texts
    assert "| said | verdict |" in texts


def test_files_in_place_of_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quickstart: Plan) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")
    written = said(quickstart, workspace=True, report=True, out=tmp_path / "specs")
    assert len(written) == 7
    specs = {Path(path).name: json.loads(Path(path).read_text(encoding="utf-8")) for path in written}
    assert filtered(specs["view-quickstart.json"]["section"]["runSets"][0]) == {
        "suite": "quickstart",
        "kind": "network",
    }
    assert specs["report-quickstart.json"]["blocks"][1]["type"] == "table-of-contents"


def test_nothing_of_the_machine_is_sent(server: WandbServer, quickstart: Plan, tmp_path: Path) -> None:
    said(quickstart, workspace=True, report=True)
    views = json.dumps(server.views)
    assert not any(text in views for text in (str(tmp_path), str(RECORDS), KEY))


def test_a_project_that_is_not_there(server: WandbServer, quickstart: Plan) -> None:
    with pytest.raises(UserError, match="no such project") as caught:
        said(quickstart, Where("elsewhere"), workspace=True)
    assert (caught.value.saw, caught.value.allowed) == ("local/elsewhere", ["local/unroll"])


def test_no_login(server: WandbServer, quickstart: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(UserError, match="no login") as caught:
        said(quickstart, workspace=True)
    assert caught.value.run == "wandb login"
    assert server.views == {}


def test_a_server_that_fails(server: WandbServer, quickstart: Plan) -> None:
    """In bounded time, in one message."""
    server.mode = "500"
    with pytest.raises(UserError, match="W&B did not list the projects"):
        said(quickstart, workspace=True)


def test_the_command_writes_what_a_server_would_get(tmp_path: Path) -> None:
    asked = ["track", "suite=quickstart", "--runs", str(RECORDS), "--workspace", "--report", "--json", str(tmp_path)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    written = [Path(line) for line in done.output.splitlines()]
    assert len(written) == 7
    assert all(json.loads(path.read_text(encoding="utf-8")) for path in written)


@pytest.mark.parametrize(
    ("words", "saw"), [(["--workspace"], "no suite"), (["suite=quickstart", "--json", "x"], "--json x")]
)
def test_views_are_asked_for_whole(words: list[str], saw: str) -> None:
    error = CliRunner().invoke(app, ["track", *words]).exception
    assert isinstance(error, UserError)
    assert error.saw == saw
