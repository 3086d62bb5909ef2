"""The unit of every metric that the tasks report, so that no table shows a bare number."""

_UNITS = {
    "error": "%",
    "accuracy": "%",
    "accuracy_all": "%",
    "macro_f1": "%",
    "ece": "%",
    "nll": "nats",
    "whole_sequences": "%",
    "solved": "%",
    "sacrebleu": "BLEU",
    "chrf": "chrF",
    "nll_per_token": "nats",
    "perplexity": "per token",
    "mse": "squared",
    "mae": "absolute",
    "mse_original": "original unit²",
    "mae_original": "original unit",
    "psnr": "dB",
    "bits_per_pixel": "bits",
    "ssim": "of 1",
    "sharpness": "of the images' own",
    "quantiser_step": "code units",
    "precision": "share",
    "recall": "share",
    "elbo": "nats",
    "nats": "nats",
    "reconstruction_nats": "nats",
    "importance_bound": "nats",
    "frechet_mnist_classifier": "squared feature distance",
}
_TASK_UNITS = {
    ("forecasting", "mse"): "standardised²",
    ("forecasting", "mae"): "standardised",
    ("compression", "mse"): "pixel² (range 1)",
}
_SUFFIXES = ("_prior", "_parallel", "_drop_last")


def unit(task: str, metric: str) -> str:
    """Return the unit of a task's metric; an empty string when it is not known here.

    A sample count at the end (frechet_mnist_classifier_2000), `_prior` and `_parallel` do not change it.
    """
    for suffix in _SUFFIXES:
        metric = metric.removesuffix(suffix)
    stem, _, count = metric.rpartition("_")
    if count.isdigit():
        metric = stem
    return _TASK_UNITS.get((task, metric), _UNITS.get(metric, ""))
