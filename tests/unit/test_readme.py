"""What the README tells users to write works as it is printed there."""

import hashlib
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from unroll.planning.compose import compose
from unroll.training.prepared import prepared_task

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_a_data_set_is_one_yaml(tmp_path: Path) -> None:
    (block,) = re.findall(r"  ```yaml\n  # mine/data/river\.yaml\n(.*?)  ```", README, re.DOTALL)
    rows = np.random.default_rng(0).normal(size=(10_000, 2)).cumsum(axis=0)
    start = datetime(2020, 1, 1)
    lines = [f"{start + timedelta(hours=hour)},{a:.3f},{b:.3f}" for hour, (a, b) in enumerate(rows)]
    content = "\n".join(["date,level,flow", *lines, ""]).encode()
    (tmp_path / "river").mkdir()
    (tmp_path / "river" / "river.csv").write_bytes(content)
    (tmp_path / "mine" / "data").mkdir(parents=True)
    text = re.sub("^  ", "", block, flags=re.MULTILINE).replace("<sha256>", hashlib.sha256(content).hexdigest())
    (tmp_path / "mine" / "data" / "river.yaml").write_text(text)
    overrides = ["task=forecasting", "data=river", "architecture=gru"]
    places = [f"paths.data={tmp_path}", f"paths.cache={tmp_path}/cache"]
    task, _ = prepared_task(compose([*overrides, *places], str(tmp_path / "mine")))
    assert [len(task.splits[name]) for name in ("train", "validation", "test")] == [6881, 977, 1977]
