"""A record as the Python API hands it out: a dictionary that shows itself in a notebook."""

from typing import Any

from unroll.visible import visible


class Record(dict[str, Any]):
    """A trial's record, as docs/record.md describes it."""

    def _repr_markdown_(self) -> str:
        config, result, run = self["config"], self.get("result"), self.get("run") or {}
        lines = [f"**{self['trial_id']}**: {self['status']}" + ("" if self.get("reportable") else ", not reportable")]
        if result is not None:
            names = list(dict.fromkeys(name for metrics in result["metrics"].values() for name in metrics))
            lines += [
                "",
                f"| metric | {' | '.join(result['metrics'])} |",
                "| --- |" + " ---: |" * len(result["metrics"]),
            ]
            for name in sorted(names, key=lambda name: name != result["primary"]["name"]):
                values = [of.get(name) for of in result["metrics"].values()]
                cells = ["" if value is None else f"{value:.5g}" for value in values]
                unit = f", {result['primary']['unit']}" if name == result["primary"]["name"] else ""
                lines.append(f"| {name}{unit} | {' | '.join(cells)} |")
            parameters, seconds = self["parameters"]["counted"], run.get("training_seconds") or 0.0
            lines += ["", f"{parameters:,} parameters, {result['steps']:,} steps, {seconds:.1f} s of training"]
        elif self.get("error"):
            lines += ["", f"{self['error']['type']}: {self['error']['message']}"]
        lines += ["", f"seed {config['seed']}, started {run.get('started', 'unknown')}"]
        return "\n".join(visible(line).replace("<", "&lt;") for line in lines)
