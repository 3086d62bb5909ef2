"""Draw them all into docs/pictures: `python -m tools.pictures`. A test holds the files against what this draws."""

import argparse
from pathlib import Path

from tools.pictures import dense, recurrent, tasks, trees
from tools.pictures.canvas import Canvas
from unroll.config.compose import compose

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"


def names(group: str) -> list[str]:
    """What a group of conf/ offers."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("[!_]*.yaml"))


def architecture(name: str) -> Canvas:
    """The picture of an architecture, from its config."""
    plain = compose(["task=compression", f"architecture={name}"]).plain
    config, bottleneck = plain["architecture"], plain["bottleneck"]
    module, _, kind = config["encoder"]["_target_"].rpartition(".")
    if kind == "RecurrentEncoder":
        return recurrent.unrolled(config)
    if kind == "FeedForwardEncoder":
        return dense.feedforward(config, bottleneck)
    if kind == "ConvolutionalEncoder":
        return dense.convolutional(config)
    if kind == "LinearEncoder":
        return dense.linear(config)
    if module.endswith((".recursive", ".tree_lstm")):
        return trees.tree(config)
    raise LookupError(f"{name}: no picture of {kind}; tools/pictures draws one")


def draw(folder: Path) -> None:
    """Write all pictures below a folder."""
    for name in names("architecture"):
        architecture(name).save(folder / "architectures" / f"{name}.svg")
    for name in names("task"):
        tasks.DRAWN[name]().save(folder / "tasks" / f"{name}.svg")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    draw(FOLDER)
