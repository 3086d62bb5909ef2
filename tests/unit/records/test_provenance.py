"""Provenance: what a record says of code, packages, machine and memory."""

import json
import re
import subprocess
import sys
from pathlib import Path

import unroll
from unroll.records.provenance import code, hardware, packages, provenance

ROOT = Path(__file__).resolve().parents[3]


def test_the_commit_is_the_checkouts() -> None:
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    code.cache_clear()  # kept since this process began; a commit may have been made meanwhile
    assert code()["commit"] == head.stdout.strip()
    assert code()["version"] == unroll.__version__
    assert isinstance(code()["dirty"], bool)


def test_a_copy_in_somebody_elses_repository_has_no_commit(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    package = tmp_path / "unroll" / "records"
    package.mkdir(parents=True)
    (tmp_path / "unroll" / "__init__.py").write_text('__version__ = "9"\n')
    (package / "__init__.py").write_text("")
    (package / "provenance.py").write_text((ROOT / "src/unroll/records/provenance.py").read_text())
    ask = "from unroll.records.provenance import code; import json; print(json.dumps(code()))"
    told = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == {"version": "9", "commit": None, "dirty": None}


def test_packages_name_what_decides_numbers() -> None:
    found = packages()
    assert {"python", "torch", "pytorch-lightning", "numpy", "hydra-core", "constriction"} <= set(found)
    assert "pytest" not in found
    assert all(re.match(r"\d", version) for version in found.values())


def test_hardware_is_plain_and_asks_torch_only_if_it_is_there() -> None:
    ask = (
        "from unroll.records.provenance import hardware; import json, sys;"
        "print(json.dumps(hardware())); assert 'torch' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    alone = json.loads(told.stdout)
    assert alone["cores"] >= 1
    assert alone["memory_bytes"] > 2**28
    assert alone["cpu"]
    import torch

    assert hardware()["cpu_capability"] == torch.backends.cpu.get_cpu_capability()


PEAKS = """
from unroll.records.provenance import peak_memory_bytes, reset_peak_memory
reset_peak_memory()
before = peak_memory_bytes()
block = bytearray(b"x" * (64 * 2**20))
held = peak_memory_bytes() - before
del block
reset_peak_memory()
print(held, peak_memory_bytes() - before)
"""


def test_peak_memory_starts_anew() -> None:
    """In a process that gives memory back when it is freed: one that has trained keeps it."""
    said = subprocess.run([sys.executable, "-c", PEAKS], check=True, capture_output=True, text=True).stdout
    held, left = map(int, said.split())
    assert held > 32 * 2**20 > left


def test_it_is_what_a_record_takes() -> None:
    assert set(provenance()) == {"code", "packages", "hardware"}
    json.dumps(provenance())
