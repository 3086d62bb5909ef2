"""Give the committed records the names that today's `planning.identity` gives, once.

python scripts/migrate_ids.py
"""

import re
import subprocess
from pathlib import Path
from typing import Any

from unroll.planning.trial import make_trial
from unroll.planning.validate import completed
from unroll.results.record import read_record
from unroll.results.seal import sealed

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "results" / "records"
READERS = {"reviews": "labelled_text", "digits_csv": "images_csv", "series_csv": "series"}


def config_of_today(config: dict[str, Any]) -> dict[str, Any]:
    data = config["data"]
    if data["reader"] == "reviews":
        data["options"] = {"others": "left_out", **data["options"]}
    data["reader"] = READERS.get(data["reader"], data["reader"])
    config["task"].pop("beta", None)
    return completed(config)


def main() -> None:
    new = {}
    for path in sorted(RECORDS.glob("*.json")):
        record = read_record(path)
        old = record["trial_id"]
        record["config"] = config_of_today(record["config"])
        record["trial_id"] = new[old] = make_trial(record["config"]).trial_id
        path.unlink()
        (RECORDS / f"{new[old]}.json").write_bytes(sealed(record))
        scores = RECORDS / f"{old}.scores.npz"
        if scores.exists():
            scores.rename(RECORDS / f"{new[old]}.scores.npz")
    assert len(set(new.values())) == len(new), "two trials of one name"
    pattern = re.compile("|".join(re.escape(old) for old in sorted(new, key=len, reverse=True)))
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        if path.parent == RECORDS or not path.exists() or path.suffix in (".npz", ".png"):
            continue
        text = path.read_text(encoding="utf-8")
        renamed = pattern.sub(lambda found: new[found[0]], text)
        if renamed != text:
            path.write_text(renamed, encoding="utf-8")
    print(f"{len(new)} records")


if __name__ == "__main__":
    main()
