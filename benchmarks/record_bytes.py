"""What the committed records weigh in a clone, and what they would weigh as one compressed file.

    python -m benchmarks.record_bytes

A clone holds git's pack: each file compressed, or as its difference from another. Against it stands the smallest that
one file could be: all JSON in one solid xz archive, which no reader could open a record of without the others, beside
the scores of examples, which are compressed already. A minute; prints bytes.
"""

import lzma
import subprocess
import tempfile
from pathlib import Path

from unroll.records.scores import SUFFIX
from unroll.records.store import folder_bytes, record_paths

RECORDS = Path(__file__).resolve().parents[1] / "results" / "records"


def packed(folder: Path) -> int:
    """Bytes of git's pack of a folder."""
    with tempfile.TemporaryDirectory() as scratch:
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "records"], ["gc", "-q", "--aggressive"]):
            git = ["git", "--git-dir", scratch, "--work-tree", str(folder), "-c", "user.name=x", "-c", "user.email=x@x"]
            subprocess.run([*git, *words], check=True, capture_output=True, cwd=folder)
        return sum(path.stat().st_size for path in Path(scratch, "objects", "pack").glob("*.pack"))


def main() -> None:
    """Print a line for each way."""
    texts, scores = record_paths(RECORDS), sorted(RECORDS.glob(f"*{SUFFIX}"))
    solid = lzma.LZMACompressor(preset=9)
    archive = sum(len(solid.compress(path.read_bytes())) for path in texts) + len(solid.flush())
    of_scores = sum(path.stat().st_size for path in scores)
    print(f"checked out: {folder_bytes(RECORDS):,} bytes in {len(texts)} records and {len(scores)} files of scores")
    print(f"in a clone, packed by git: {packed(RECORDS):,} bytes")
    print(f"as one archive: {archive + of_scores:,} bytes, of which scores {of_scores:,}")


if __name__ == "__main__":
    main()
