"""The local cluster with tiny data on it; where it does not run, these tests skip, and in CI they fail."""

from pathlib import Path

import pytest
import yaml
from local_cluster import LocalCluster, Overrides, environment, environment_file, make_cluster
from tiny_data import Tiny, small_overrides, write_tiny

from tests.needed import lacking

SUITES = {
    "two_seeds": {"grid": {"task": ["sentiment"], "seed": [0, 1]}},
    "one_fails": {
        "grid": {"task": ["forecasting"], "optimizer": ["adam", "sgd"]},
        "when": {"optimizer=sgd": ["optimizer.learning_rate=1e30", "optimizer.clip_norm=null"]},
    },
}


@pytest.fixture(scope="session")
def slurm_environment() -> dict[str, str]:
    found = environment()
    if found is None:
        lacking(f"no local cluster answers by {environment_file()}: run slurm/local-cluster/start.sh")
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = write_tiny(tmp_path_factory.mktemp("slurm") / "data")
    folder = tiny.folder / "conf" / "suite"
    folder.mkdir()
    for name, suite in SUITES.items():
        content = {"name": name, "description": "What an array or the launcher shares.", "baselines": False, **suite}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return tiny


@pytest.fixture(scope="session")
def overrides(tiny: Tiny) -> Overrides:
    """(task, runs) -> a trial of some 2,000 steps, with dropout, that logs often: there is time to disturb it."""

    def overrides(task: str, runs: Path) -> list[str]:
        chosen = ["architecture=deep_lstm", "architecture.dropout=0.3"]
        longer = ["budget.epochs=500", "budget.validate_every=100", "trainer.log_every=20"]
        return [*tiny.overrides(task, runs)[1:], *small_overrides(task, *chosen), *chosen, *longer]

    return overrides


@pytest.fixture
def cluster(slurm_environment: dict[str, str], tmp_path: Path) -> LocalCluster:
    return make_cluster(slurm_environment, tmp_path)
