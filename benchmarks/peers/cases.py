"""What is trained on both sides. Read by Unroll's and by the peers' processes: the standard library alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One training: the work that both sides do, and where they differ in spite of it."""

    peer: str
    work: str
    overrides: tuple[str, ...]  # of Unroll
    steps: int
    batch_size: int
    learning_rate: float
    differs: str


CLIPS = "Unroll clips gradients, lowers its rate by a cosine and uses fused Adam; the peer does none of it"

CASES = {
    "ae": Case(
        "pythae",
        "autoencoder 784-512-32 on MNIST, 50,000 / 10,000 images",
        ("task=compression", "data=mnist", "architecture=ae"),
        391,
        128,
        1e-3,
        f"{CLIPS}. Unroll learns one scale more.",
    ),
    "vae": Case(
        "pythae",
        "variational autoencoder 784-512-20 on MNIST, 50,000 / 10,000 images",
        ("task=generation", "data=mnist", "architecture=ae_variational", "architecture.depth=1"),
        391,
        128,
        1e-3,
        f"{CLIPS}. Both take cross-entropy of the pixels.",
    ),
    "lstm": Case(
        "keras",
        "LSTM of 128 units on SST-2, sentences alone, batches of like length",
        ("task=sentiment", "data=sst2", "data.options.phrases=false", "architecture=lstm"),
        109,
        64,
        1e-3,
        f"{CLIPS}. The peer's backend is torch, it has one bias a gate for Unroll's two, and gets Unroll's batches.",
    ),
    "forecast": Case(
        "neuralforecast",
        "LSTM of 128 units on ETTh1, each channel by itself, 96 hours to 24",
        ("task=forecasting", "data=etth1", "architecture=lstm"),
        30,
        64,
        1e-3,
        f"{CLIPS}. The peer's head is a perceptron an hour, Unroll's a code and a decoder; the peer draws windows with "
        "replacement.",
    ),
    "translate": Case(
        "joeynmt",
        "bidirectional GRU of 256 units with additive attention on Multi30k, German to English",
        ("task=translation", "data=multi30k_de_en", "architecture=bigru", "task.attention=additive"),
        8,
        128,
        2e-3,
        "Both clip gradients; Unroll lowers its rate by a cosine and uses fused Adam. The peer feeds the attention's "
        "vector into its decoder, shuffles without regard to length, and in validation also translates: here one token "
        "a sentence.",
    ),
}
