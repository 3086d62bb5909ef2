"""How far two results of one trial may lie apart where ranks, threads, packages or CPU differ. Pure, without torch."""

CONTINUOUS, DISCRETE, FITTED = 0.001, 0.01, 0.05  # of the value
SAMPLED = 0.05  # of 1
FLIPS = 3  # examples

# Metric names as they begin, with what all examples together are worth.
_DISCRETE = {
    "accuracy": 100,
    "error": 100,
    "solved": 100,
    "whole_sequences": 100,
    "macro_f1": 100,
    "sacrebleu": 100,
    "chrf": 100,
}
_FITTED = {"ece": 100, "frechet_": 0}
_SAMPLED = ("precision", "recall")  # of generated images

RULE = (
    f"{CONTINUOUS:.1%} of losses, errors and rates; {DISCRETE:.0%} of {', '.join(_DISCRETE)}, "
    f"{FITTED:.0%} of {', '.join(_FITTED).replace('_', '')}, or {FLIPS} examples' worth where that is more; "
    f"{SAMPLED} for {' and '.join(_SAMPLED)} of samples"
)


def tolerance(metric: str, value: float, examples: int) -> float:
    """The largest absolute difference from a reported value that counts as rounding.

    Other ranks, threads and CPUs sum in another order. Training carries that on, so that the weights differ and with
    them, a little, each loss: up to 0.1 % is allowed. A discrete outcome does not move a little: an example near the
    boundary flips, or a word of a sentence, and the metric moves by that example's worth: 1 %, or three examples' worth
    where there are few. Calibration error sorts examples into bins, and a Fréchet distance hangs on a mixture fitted to
    the codes, which may settle elsewhere: 5 %, or three examples' worth. Precision and recall of generated images count
    samples drawn from that mixture: if it settles elsewhere, they are other samples, and 0.05 is allowed.

    Args:
        metric: its name in the record, without the split.
        value: as reported.
        examples: of the split.
    """
    if metric.startswith(_SAMPLED):
        return max(SAMPLED, FLIPS / examples)
    for shares, share in ((_DISCRETE, DISCRETE), (_FITTED, FITTED)):
        for stem, worth in shares.items():
            if metric.startswith(stem):
                return max(share * abs(value), FLIPS * worth / examples)
    return CONTINUOUS * abs(value)
