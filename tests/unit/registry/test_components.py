"""Config nodes become objects, and what is wrong with one is said before it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from unroll.errors import UserError
from unroll.models.contracts import Term
from unroll.registry.components import accepted_by, check_options, create, foreign, locate, refuse_foreign
from unroll.registry.plugins import PLUGINS

HERE = f"{__name__}.Thing"


@dataclass
class Thing:
    shape: Any
    width: int
    depth: int = 1
    tied: bool | str = False
    weight: float | None = None
    sizes: Sequence[int] = ()


def test_makes_the_object_with_given_and_configured_arguments() -> None:
    assert create({"_target_": HERE, "width": 3}, "part", shape="S") == Thing("S", 3, 1)
    assert locate({"_target_": "collections.OrderedDict"}, "part").__name__ == "OrderedDict"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "part names no component"),
        ({"_target_": "Thing"}, "part names no component"),
        ({"_target_": None}, "part names no component"),
        ({"_target_": ".relative.Thing"}, "part names no component"),
        ({"_target_": "os.system"}, "names something else than a class"),
        ({"_target_": "unroll.no_such_module.Thing"}, "cannot be imported"),
        ({"_target_": f"{__name__}.Thin", "width": 3}, "Did you mean 'Thing'"),
        ({"_target_": HERE, "width": 3, "dept": 2}, "Did you mean 'depth'"),
        ({"_target_": HERE, "shape": 1, "width": 3}, "no option 'shape'"),
        ({"_target_": HERE, "depth": 3}, "part.width is missing"),
        ({"_target_": HERE, "width": "3"}, "'part.width' is of another type"),
        ({"_target_": HERE, "width": True}, "a whole number"),
        ({"_target_": HERE, "width": 2.5}, "a whole number"),
        ({"_target_": HERE, "width": 3, "weight": "high"}, "a number or null"),
        ({"_target_": HERE, "width": 3, "tied": None}, "true or false or text"),
        ({"_target_": HERE, "width": 3, "sizes": 4}, "'part.sizes' is of another type"),
    ],
)
def test_what_is_wrong_is_said(node: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        create(node, "part", shape="S")
    assert "part" in str(caught.value)


def test_options_can_be_checked_without_making_anything() -> None:
    check_options(accepted_by(Thing), {"width": 1}, "part", ("shape",))
    with pytest.raises(UserError) as caught:
        check_options(accepted_by(Thing), {"widht": 1}, "part", ("shape",))
    assert caught.value.allowed == ["width", "depth", "tied", "weight", "sizes"]
    assert caught.value.saw == "part.widht"


@pytest.mark.parametrize("target", ["unroll.records.store.finished", "unroll.data.cache.Path", "unroll.data.cache.os"])
def test_of_the_package_only_what_the_place_is_for_is_made(target: str) -> None:
    with pytest.raises(UserError, match=r"names something else than a class of the kind unroll.*\.Term"):
        create({"_target_": target, "folder": ".", "out": "x.csv"}, "bottleneck.terms.a", Term)


def test_what_a_config_would_import_beside_the_package_is_found_wherever_it_lies(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {
        "task": {"_target_": "unroll.tasks.adding.Adding"},
        "architecture": {"encoder": {"_target_": "mine.parts.Encoder"}},
        "bottleneck": {"terms": {"a": {"_target_": "os.system"}}},
        "data": {"deep": [{"more": {"_target_": 3}}, {"_target_": "unroll_evil.Thing"}]},
    }
    others = {"bottleneck.terms.a._target_": "os.system", "data.deep[0].more._target_": 3}
    others["data.deep[1]._target_"] = "unroll_evil.Thing"
    assert foreign(config) == {"architecture.encoder._target_": "mine.parts.Encoder", **others}
    with pytest.raises(UserError, match="None of it was run") as caught:
        refuse_foreign(config, "This record", "--trust")
    assert "os.system" in str(caught.value.saw)
    installed = tmp_path / "mine-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[{PLUGINS}]\nmine = mine.parts\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert foreign(config) == others
