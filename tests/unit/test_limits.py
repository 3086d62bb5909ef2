"""Cores and memory that a container and a Slurm job leave to this process."""

from pathlib import Path

import pytest

from unroll import limits


@pytest.mark.parametrize(
    ("environment", "cores", "memory"),
    [
        ({}, [], []),
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_CPUS_PER_TASK": "4"}, [4], []),
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_NODE": "2048"}, [16], [2 * 2**30]),
        ({"SLURM_CPUS_ON_NODE": "3", "SLURM_MEM_PER_CPU": "1024"}, [3], [3 * 2**30]),
        ({"SLURM_MEM_PER_NODE": "0", "SLURM_CPUS_ON_NODE": "8(x2)"}, [], []),
    ],
)
def test_a_slurm_job_says_what_it_was_given(environment: dict[str, str], cores: list[int], memory: list[int]) -> None:
    assert limits.slurm_cores(environment) == cores
    assert limits.slurm_memory(environment) == memory


def test_a_group_is_limited_by_those_above_it(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/jobs/seven\n", encoding="ascii")
    (tmp_path / "mount" / "jobs" / "seven").mkdir(parents=True)
    for folder, memory, cpu in (("jobs", "3000", "250000 100000"), ("jobs/seven", "max", "max 100000")):
        (tmp_path / "mount" / folder / "memory.max").write_text(memory, encoding="ascii")
        (tmp_path / "mount" / folder / "cpu.max").write_text(cpu, encoding="ascii")
    folders = limits._cgroups("memory", tmp_path / "mount", tmp_path / "own")
    assert folders == [tmp_path / "mount" / name for name in ("jobs/seven", "jobs", "")]
    assert list(limits._limits(folders)) == [3000]
    assert list(limits._quotas(folders)) == [3]


def test_an_older_kernel_has_a_tree_for_each_controller(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:cpu,cpuacct:/job\n3:memory:/job\n", encoding="ascii")
    for name, content in (
        ("memory/job/memory.limit_in_bytes", "9223372036854771712"),
        ("memory/memory.limit_in_bytes", "5000"),
        ("cpu,cpuacct/job/cpu.cfs_quota_us", "-1"),
        ("cpu,cpuacct/job/cpu.cfs_period_us", "100000"),
        ("cpu,cpuacct/cpu.cfs_quota_us", "200000"),
        ("cpu,cpuacct/cpu.cfs_period_us", "100000"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="ascii")
    assert list(limits._limits(limits._cgroups("memory", tmp_path, tmp_path / "own"))) == [5000]
    assert list(limits._quotas(limits._cgroups("cpu", tmp_path, tmp_path / "own"))) == [2]


def test_no_more_cores_than_the_job_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    assert (limits.cores(), limits.memory_bytes()) == (1, 2**20)
