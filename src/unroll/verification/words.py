"""A verification in words: one line a fact, the verdict last."""

from collections.abc import Iterator

from unroll.registry.facts import rule
from unroll.verification.compare import Verification


def lines(found: Verification) -> Iterator[str]:
    """What `unroll verify` prints."""
    if found.moved:
        yield f"elsewhere: {'; '.join(found.moved)}"
    else:
        yield "the same ranks, threads, packages and CPU as in the record: every bit must be the same"
    if found.identical:
        yield f"{found.trial_id}: trained again, the result is bit-identical"
        return
    if found.code:
        yield found.code
    yield from (found.unlike if found.moved else found.differences)
    if found.gaps:
        yield from _table(found)
    for array in found.changed:
        largest = "" if array.largest is None else f", by at most {array.largest:.3g}"
        yield f"{array.name}: {array.differ} of {array.examples} examples differ{largest}"
    if found.weights_equal is not None:
        yield f"weights: {'equal' if found.weights_equal else 'not equal'}"
    if not found.moved:
        yield f"{found.trial_id}: trained again, {len(found.differences)} values of the result differ"
        return
    yield f"tolerance: {rule()}"
    beyond = [gap.metric for gap in found.gaps if not gap.within]
    if found.passed:
        yield f"{found.trial_id}: trained again, within tolerance"
    else:
        yield f"{found.trial_id}: trained again, beyond tolerance: {', '.join([*found.unlike, *beyond])}"


def _table(found: Verification) -> Iterator[str]:
    width = max(len("metric"), *(len(gap.metric) for gap in found.gaps))
    heads = ("reported", "again", "absolute", "relative", "allowed")
    yield f"{'metric':{width}}" + "".join(f"{head:>13}" for head in heads)
    for gap in found.gaps:
        values = (gap.reported, gap.again, gap.absolute, gap.relative, gap.allowed)
        mark = "" if gap.within or not found.moved else "  beyond"
        yield f"{gap.metric:{width}}" + "".join(f"{value:13.6g}" for value in values) + mark
    if (largest := found.largest) is not None:
        yield f"largest relative difference: {largest.relative:.3g} ({largest.metric})"
