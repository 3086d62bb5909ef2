"""Saved views and a report in W&B, made of `suite_view` and `report_blocks`. It alone imports wandb_workspaces.

That package is an extra. It sends JSON, which `view_specs` and `report_spec` return without a server.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unroll import DISTRIBUTION
from unroll.errors import UserError
from unroll.tracking.report_blocks import Block, Heading, Latex, Markdown, Report
from unroll.tracking.suite_view import GROUP, Bars, Filter, Lines, Panel, Part, Scatter, SuiteView, View
from unroll.tracking.wandb_run import ask_wandb

_GRID = 24  # columns of a report's grid of panels
_SIZES: dict[type[Panel], tuple[int, int]] = {Bars: (24, 12), Lines: (12, 9), Scatter: (12, 8)}
_SYMBOLS = ("So", "Sk", "Sm", "Sc", "Cs")
_DIGITS = 11  # of a view's name, as many as W&B's own have


@dataclass(frozen=True)
class Where:
    """A project in W&B.

    Attributes:
        project: its name.
        entity: the user or team that owns it; None: the login's own.
    """

    project: str = "unroll"
    entity: str | None = None


def save_workspace(view: SuiteView, where: Where) -> list[str]:
    """Save a suite's views, in place of those that were saved before; return their addresses.

    Raises:
        UserError: the extra is not installed, there is no login or no such project, or W&B does not answer.
    """
    packages, entity = _ready(where)
    found = []
    for one in view.views:
        with _asking("save a view"):
            made = _workspace(packages, one, entity, where.project)
            made._internal_name = f"nw-{_name(one)}-v"
            made._internal_id = _saved_before(packages, entity, where.project, _name(one))
            found.append(str(made.save().url))
    return found


def save_report(report: Report, where: Where) -> str:
    """Save a suite's report, in place of one of the same title that was saved before; return its address.

    Raises:
        UserError: the extra is not installed, there is no login or no such project, or W&B does not answer.
    """
    packages, entity = _ready(where)
    with _asking("save the report"):
        made = _report(packages, report, entity, where.project, of_project=(entity, where.project))
        there = packages.api().reports(f"{entity}/{where.project}")
        made.id = next((one.id for one in there if one.display_name == report.title), "")
        return str(made.save().url)


def view_specs(view: SuiteView, where: Where) -> dict[str, dict[str, Any]]:
    """Return what a save of the views would send: a view's key -> JSON. No server is asked.

    Raises:
        UserError: the extra is not installed.
    """
    packages = _packages()
    made = {one.key: _workspace(packages, one, where.entity or "", where.project) for one in view.views}
    return {key: _plain(one._to_model().spec) for key, one in made.items()}


def report_spec(report: Report, where: Where) -> dict[str, Any]:
    """Return what a save of the report would send, but for the project's number in W&B. No server is asked.

    Raises:
        UserError: the extra is not installed.
    """
    return _plain(_report(_packages(), report, where.entity or "", where.project, ("", ""))._to_model().spec)


class _Packages:
    """wandb_workspaces' modules, which are imported when they are needed."""

    def __init__(self) -> None:
        import wandb
        import wandb_workspaces.reports.v2 as reports
        import wandb_workspaces.workspaces as workspaces
        from wandb_workspaces import expr
        from wandb_workspaces.workspaces import internal

        self.reports: Any = reports
        self.workspaces: Any = workspaces
        self.expr: Any = expr
        self.internal: Any = internal
        self.api: Any = wandb.Api

    def filters(self, wanted: Iterable[Filter]) -> list[Any]:
        """Runs whose config has all these values."""
        return [self.expr.Config(one.key) == one.value for one in wanted]

    def exactly(self, wanted: Sequence[Filter], written: str) -> dict[str, Any]:
        """The same as they are sent; the packages' own text of them makes == of a = in a value."""
        found: dict[str, Any] = self.expr.filters_tree_to_v2(self.expr.expr_to_filters(written))
        for made, one in zip(found["filters"], wanted, strict=True):
            made["value"] = one.value
        return found

    def key(self, name: str) -> Any:
        """What a panel groups by."""
        return self.reports.Metric(GROUP) if name == GROUP else self.reports.Config(name)


def _packages() -> _Packages:
    try:
        return _Packages()
    except ImportError as error:
        raise UserError(
            "Saved views and reports need the package wandb-workspaces.",
            saw="not installed" if isinstance(error, ModuleNotFoundError) else error,
            run=f"pip install '{DISTRIBUTION}[wandb-report]'",
        ) from error


def _ready(where: Where) -> tuple[_Packages, str]:
    """The packages and the entity, once there is a login and the project is there."""
    packages, found = _packages(), ask_wandb()
    if not found["logged_in"]:
        raise UserError(
            f"W&B has no login for {found['server']}: {found['why']}.",
            saw="no login",
            allowed="a login, or WANDB_API_KEY; or --json DIR, which asks no server",
            run="wandb login",
        )
    with _asking("list the projects"):
        api = packages.api()
        entity = str(where.entity or api.default_entity)
        known = [one.name for one in api.projects(entity)]
    if where.project not in known:
        raise UserError(
            "There is no such project in W&B: a view shows runs, and none are there.",
            saw=f"{entity}/{where.project}",
            allowed=[f"{entity}/{name}" for name in known] or f"one with runs, and {entity} has none",
        )
    return packages, entity


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Whatever wandb raises is an error that its user can read."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"W&B did not {what}.", saw=why, allowed="a server that answers; `wandb login` names it"
        ) from error


def _name(view: View) -> str:
    """The same for the same suite and problem, so that a view is saved once."""
    return hashlib.sha256(f"unroll {view.key}".encode()).hexdigest()[:_DIGITS]


def _listed(title: str) -> str:
    """A title as W&B takes it for a view: without symbols, of which `=` is one."""
    return "".join(" " if unicodedata.category(character) in _SYMBOLS else character for character in title)


def _saved_before(packages: _Packages, entity: str, project: str, name: str) -> str:
    """The id of a view that is there; empty where it is not."""
    try:
        return str(packages.internal.get_view_dict(entity, project, name)["id"])
    except ValueError:
        return ""


def _workspace(packages: _Packages, view: View, entity: str, project: str) -> Any:
    ws = packages.workspaces
    most = max(
        (panel.most_runs for part in view.parts for panel in part.panels if isinstance(panel, Lines | Bars)), default=1
    )
    made = ws.Workspace(
        entity=entity,
        project=project,
        name=_listed(view.title),
        sections=[
            ws.Section(
                name=part.title,
                panels=_panels(packages, part.panels),
                is_open=True,
                layout_settings=ws.SectionLayoutSettings(columns=2, rows=max(1, (len(part.panels) + 1) // 2)),
            )
            for part in view.parts
        ],
        settings=ws.WorkspaceSettings(max_runs=most),
        runset_settings=ws.RunsetSettings(
            filters=packages.filters(view.filters),
            groupby=[ws.Metric(GROUP) if key == GROUP else ws.Config(key) for key in view.group_by],
            order=[ws.Ordering(ws.Summary(view.order_by), ascending=view.ascending)],
            pinned_columns=[f"summary:{name}" for name in view.columns],
        ),
        auto_generate_panels=False,
    )
    written = made.runset_settings.filters
    made._stashed_filters_v2, made._stashed_filter_string = packages.exactly(view.filters, written), written
    return made


def _report(packages: _Packages, report: Report, entity: str, project: str, of_project: tuple[str, str]) -> Any:
    blocks = [packages.reports.TableOfContents()]
    blocks += [_block(packages, one, of_project) for one in report.blocks]
    return packages.reports.Report(
        entity=entity, project=project, title=report.title, description=report.description, width="fluid", blocks=blocks
    )


def _block(packages: _Packages, block: Block, of_project: tuple[str, str]) -> Any:
    wr = packages.reports
    if isinstance(block, Heading):
        return (wr.H1 if block.level == 1 else wr.H2)(block.text)
    if isinstance(block, Markdown):
        return wr.MarkdownBlock(block.text)
    if isinstance(block, Latex):
        return wr.LatexBlock(block.text)
    return _grid(packages, block.part, of_project)


def _grid(packages: _Packages, part: Part, of_project: tuple[str, str]) -> Any:
    entity, project = of_project
    runs = packages.reports.Runset(entity, project, name=part.title, filters=packages.filters(part.filters))
    runs._stashed_filters_v2, runs._stashed_filter_string = packages.exactly(part.filters, runs.filters), runs.filters
    return packages.reports.PanelGrid(runsets=[runs], panels=_panels(packages, part.panels))


def _panels(packages: _Packages, panels: Sequence[Panel]) -> list[Any]:
    """W&B's panels, from left to right and from top to bottom."""
    found, left, top, below = [], 0, 0, 0
    for panel in panels:
        width, height = _SIZES[type(panel)]
        if left + width > _GRID:
            left, top = 0, below
        made = _panel(packages, panel)
        made.layout = packages.reports.Layout(x=left, y=top, w=width, h=height)
        found.append(made)
        left, below = left + width, max(below, top + height)
    return found


def _panel(packages: _Packages, panel: Panel) -> Any:
    wr = packages.reports
    if isinstance(panel, Lines | Bars):
        grouped = {"groupby": packages.key(panel.group_by), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
        shown = {"title": panel.title, "max_runs_to_show": panel.most_runs, **grouped}
        if isinstance(panel, Bars):
            return wr.BarPlot(metrics=[panel.metric], max_bars_to_show=panel.most_runs, **shown)
        return wr.LinePlot(
            x=panel.x, y=[panel.y], title_x=panel.x_title, title_y=panel.y_title, smoothing_type="none", **shown
        )
    return wr.ScatterPlot(
        title=panel.title, x=wr.SummaryMetric(panel.x), y=wr.SummaryMetric(panel.y), log_x=panel.log_x
    )


def _plain(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(spec.model_dump_json(by_alias=True, exclude_none=True))
    return found
