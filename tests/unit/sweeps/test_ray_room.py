"""How many workers Ray has room for, and what is said where there is no Ray."""

import sys
from collections.abc import Mapping

import pytest

from unroll.errors import UserError
from unroll.sweeps.ray_workers import Share, installed_ray, room

NODES = [{"CPU": 8.0, "memory": 64e9}, {"CPU": 4.0, "GPU": 1.0, "memory": 4e9}, {"memory": 1e9}]


@pytest.mark.parametrize(
    ("nodes", "share", "workers"),
    [
        (NODES, Share(1, 0), 8 + 2),
        (NODES, Share(3, 0), 2 + 1),
        (NODES, Share(1, 0.125), 2),
        (NODES, Share(1, 1), 1),
        (NODES, Share(1, 2), 0),
        ([{"CPU": 2.0, "memory": 1e9}], Share(1, 0), 1),
        ([], Share(1, 0), 0),
    ],
)
def test_each_node_takes_what_fits(nodes: list[Mapping[str, float]], share: Share, workers: int) -> None:
    assert room(nodes, share) == workers


@pytest.mark.parametrize("address", ["local", "auto"])
def test_the_package_that_is_missing_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="needs the package ray") as error:
        installed_ray(address)
    assert error.value.run == "pip install 'unroll-bench[ray]'"
