"""A package as pip leaves it in a folder of the path: modules, a folder `conf/` of YAML, and its entry point."""

from collections.abc import Mapping
from pathlib import Path

from unroll.registry.plugins import PLUGINS


def install(folder: Path, name: str, files: Mapping[str, str], module: str | None = None) -> Path:
    """Write a package of the name into a folder, and what registers its module; return the package's folder."""
    for place, text in {f"{name}/__init__.py": "", **files}.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{PLUGINS}]\n{name} = {module or name}\n")
    return folder / name
