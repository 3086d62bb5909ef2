"""Names and digits as papers print them: `lstm` is LSTM, `sst2` is SST-2, a BLEU has one decimal."""

import re
from collections.abc import Iterable, Mapping, Sequence

from unroll.errors import UserError, suggest

ROWS = {
    "rnn": "RNN",
    "birnn": "BiRNN",
    "deep_rnn": "Deep RNN",
    "lstm": "LSTM",
    "bilstm": "BiLSTM",
    "deep_lstm": "Deep LSTM",
    "deep_bilstm": "Deep BiLSTM",
    "gru": "GRU",
    "bigru": "BiGRU",
    "deep_gru": "Deep GRU",
    "recursive": "Recursive",
    "rntn": "RNTN",
    "tree_lstm": "Tree-LSTM",
    "vecavg": "VecAvg",
    "mlp": "MLP",
    "linear": "Linear",
    "dlinear": "DLinear",
    "nlinear": "NLinear",
    "ae": "AE",
    "ae_complete": "Complete AE",
    "ae_overcomplete": "Overcomplete AE",
    "ae_deep": "Deep AE",
    "ae_conv": "Convolutional AE",
    "ae_contractive": "Contractive AE",
    "ae_denoising": "Denoising AE",
    "ae_dropout": "Dropout AE",
    "ae_geometric": "Geometric AE",
    "ae_ksparse": "k-sparse AE",
    "ae_l1": "AE with L1",
    "ae_l2": "AE with L2",
    "ae_sparse": "Sparse AE",
    "ae_variational": "Variational AE",
    "commonest_tag": "Commonest tag",
    "commonest_word": "Commonest word",
    "constant": "Constant",
    "copy": "Copy",
    "dictionary": "Dictionary",
    "gmm": "Gaussian mixture",
    "kneser_ney": "Kneser-Ney",
    "majority": "Majority",
    "last_value": "Last value",
    "mean": "Mean",
    "memoryless": "Memoryless",
    "neighbours": "Nearest neighbours",
    "pca": "PCA",
    "pixels_lr": "Logistic regression, pixels",
    "png": "PNG",
    "real_images": "Real images",
    "seasonal": "Seasonal",
    "tfidf_lr": "Logistic regression, tf-idf",
    "unigram": "Unigram",
}
DATA = {
    "adding": "Adding",
    "addition": "Addition",
    "airline_passengers": "Airline passengers",
    "copying": "Copying",
    "beijing_pm25": "Beijing PM2.5",
    "encyclopedia": "Encyclopedia",
    "etth1": "ETTh1",
    "etth2": "ETTh2",
    "ettm1": "ETTm1",
    "ettm2": "ETTm2",
    "human_numbers": "Human Numbers",
    "sf_traffic": "SF traffic",
    "jupyter_en_fr": "Jupyter en-fr",
    "mnist": "MNIST",
    "mnist_5k": "MNIST-5k",
    "ptb": "PTB",
    **{f"multi30k_{a}_{b}": f"Multi30k {a}-{b}" for a in ("de", "en", "fr") for b in ("de", "en", "fr") if a != b},
    "rotten_tomatoes_snippets": "Rotten Tomatoes",
    "rt_polarity": "RT polarity",
    "shampoo_sales": "Shampoo sales",
    "subregular": "Subregular",
    "sst2": "SST-2",
    "sst5": "SST-5",
    "turkish_web_treebank": "UD Turkish Web",
    "ud_english_lines": "UD English LinES",
    "ud_english_partut": "UD English ParTUT",
    "wikitext2": "WikiText-2",
    "wikitext2_raw": "WikiText-2 raw",
}
METRICS = {  # name -> what it is called, decimals
    "accuracy": ("Accuracy", 1),
    "accuracy_all": ("Accuracy, all nodes", 1),
    "accuracy_unknown": ("Accuracy, unknown words", 1),
    "bits_per_character": ("Bits per character", 3),
    "bits_per_pixel": ("Bits per pixel", 3),
    "chrf": ("chrF", 1),
    "ece": ("Calibration error", 1),
    "elbo": ("ELBO", 1),
    "error": ("Error", 2),
    "kl": ("KL", 2),
    "macro_f1": ("Macro F1", 1),
    "mae": ("MAE", 3),
    "mse": ("MSE", 3),
    "nats": ("Negative ELBO", 1),
    "nll": ("NLL", 3),
    "nll_per_token": ("NLL per token", 3),
    "perplexity": ("Perplexity", 2),
    "precision": ("Precision", 3),
    "psnr": ("PSNR", 2),
    "recall": ("Recall", 3),
    "sacrebleu": ("sacreBLEU", 1),
    "solved": ("Solved", 1),
    "ssim": ("SSIM", 3),
    "whole_sequences": ("Whole sequences", 1),
}
FRECHET = re.compile(r"frechet_(.+?)_(\d+)")


class Labels:
    """What names are called, those of an own mapping first.

    Args:
        own: name of an architecture, a baseline, data or a metric, or a whole row as tables print it, such as
            `lstm task.attention=additive` -> what it is called.

    Raises:
        UserError: two rows would be called the same.
    """

    def __init__(self, own: Mapping[str, str] | None = None):
        self.own = dict(own or {})
        rows = {**ROWS, **self.own}
        for name, text in self.own.items():
            twin = next((other for other, label in rows.items() if label == text and other != name), None)
            if twin is not None:
                raise UserError(f"'{name}' and '{twin}' would be called the same.", saw=f"--label {name}={text}")

    def row(self, name: str) -> str:
        """What an architecture or a baseline is called: in plain words where nothing else is known."""
        return self.own.get(name) or ROWS.get(name) or _in_words(name)

    def whole_row(self, name: str, variant: Sequence[str]) -> tuple[str, list[str]]:
        """What a row is called, and which of its options stand behind that: none where the whole row has a label."""
        whole = self.own.get(" ".join((name, *variant)))
        return (self.row(name), list(variant)) if whole is None or not variant else (whole, [])

    def data(self, name: str) -> str:
        """What a data set is called."""
        return self.own.get(name) or DATA.get(name) or _in_words(name)

    def metric(self, name: str) -> str:
        """What a metric is called."""
        if name in self.own:
            return self.own[name]
        if found := FRECHET.fullmatch(name):
            return f"Fréchet distance ({found[2]} samples)"
        return METRICS[name][0] if name in METRICS else name

    def decimals(self, metric: str, unit: str = "") -> int | None:
        """How many decimals a metric is given with; None where nothing is known of it."""
        if FRECHET.fullmatch(metric):
            return 1
        return METRICS[metric][1] if metric in METRICS else 1 if unit == "%" else None


def _in_words(name: str) -> str:
    """A name of one's own as words: `mean_image` is Mean image."""
    return f"{name[:1].upper()}{name[1:]}".replace("_", " ")


def labels_of(texts: Sequence[str]) -> Labels:
    """Return the labels that NAME=TEXT change, split at the last `=`.

    Raises:
        UserError: one of another form, two of one name, or two rows that would be called the same.
    """
    own: dict[str, str] = {}
    for text in texts:
        name, _, shown = text.rpartition("=")
        if not name.strip() or not shown.strip() or own.get(name.strip(), shown.strip()) != shown.strip():
            raise UserError("A label that cannot be read.", saw=f"--label {text}", allowed="NAME=TEXT, a name once")
        own[name.strip()] = shown.strip()
    return Labels(own)


def slug(text: str) -> str:
    """Return a file's name for a title: lower case, what is no letter, digit, point or underscore as one dash."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower().replace(" on ", " ", 1)).strip("-")


def named(name: str, known: Iterable[str], what: str, option: str) -> str:
    """Return the one of several names that is meant: it, or the one that it is a part of.

    Raises:
        UserError: there is none, or more than one.
    """
    names = list(known)
    if name in names:
        return name
    meant = [one for one in names if slug(name) in one]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UserError(f"{len(meant)} {what}s are called so.", saw=f"{option} {name}", allowed=meant)
    raise UserError(f"There is no such {what}.{suggest(name, names)}", saw=f"{option} {name}", allowed=names)
