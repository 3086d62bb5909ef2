"""Baselines against hand-made answers, scikit-learn and known figures on real data."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
import yaml

from unroll.errors import UserError
from unroll.registry.components import create
from unroll.tasks.baselines.forecasting import LastValue, Seasonal
from unroll.tasks.baselines.generation import GaussianMixture, IndependentPixels, RealImages
from unroll.tasks.baselines.images import PCA, PNG, MeanImage
from unroll.tasks.baselines.text import Majority, TfidfLogisticRegression
from unroll.tasks.baselines.translation import Constant, Copy, Dictionary
from unroll.tasks.baselines.views import Baseline, ImageView, PairView, Splits, TextView, WindowView
from unroll.tasks.metrics import coding, images, text

CONF = Path(__file__).parents[3] / "conf" / "baseline"
GOOD, BAD = ["a", "fine", "film"], ["a", "dull", "film"]


def texts(*rows: tuple[list[str], int]) -> TextView:
    """A view of (tokens, label) rows."""
    return TextView([tokens for tokens, _ in rows], np.array([label for _, label in rows]))


def digits(folder: Path, split: str, rows: slice) -> ImageView:
    """Real MNIST images of a split."""
    with np.load(folder / "mnist" / "mnist.npz") as data:
        return ImageView(data[f"x_{split}"][rows].reshape(-1, 784) / 255, data[f"y_{split}"][rows])


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_yaml_names_a_baseline_that_can_be_made(path: Path) -> None:
    node = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert node.pop("name") == path.stem
    if path.stem == "none":
        assert node == {}
        return
    assert set(node.pop("tasks")) <= {path.stem for path in (CONF.parent / "task").glob("*.yaml")}
    assert isinstance(node.pop("seeded"), bool)
    assert isinstance(node.pop("unranked", ""), str)
    node = {key: 1 if str(value).startswith("${") else value for key, value in node.items()}
    baseline = create(node, "baseline", Baseline)
    assert callable(baseline.fit)
    assert callable(baseline.predict)


def test_majority_gives_the_shares_of_train_only() -> None:
    train = texts((GOOD, 1), (GOOD, 1), (BAD, 0), (GOOD, 1))
    baseline = Majority()
    baseline.fit(Splits(train, texts((BAD, 0))))
    np.testing.assert_allclose(baseline.predict(texts((BAD, 0), (BAD, 0)))["probabilities"], [[0.25, 0.75]] * 2)


def test_tfidf_learns_a_word_pair_that_single_words_cannot_tell() -> None:
    rows = [(["not", "good"], 0), (["good", "not"], 1)] * 20
    data = Splits(texts(*rows), texts(*rows))
    pairs, words = TfidfLogisticRegression(longest=2), TfidfLogisticRegression(longest=1)
    for baseline in (pairs, words):
        baseline.fit(data)
    probabilities = pairs.predict(texts(*rows[:2]))["probabilities"]
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert probabilities.argmax(1).tolist() == [0, 1]
    np.testing.assert_allclose(words.predict(texts(*rows[:2]))["probabilities"], 0.5, atol=1e-6)


def test_tfidf_gives_a_class_that_train_lacks_no_probability() -> None:
    baseline = TfidfLogisticRegression(strengths=[1])
    baseline.fit(Splits(texts((GOOD, 2), (BAD, 0)), texts((GOOD, 3), (BAD, 1))))
    probabilities = baseline.predict(texts((GOOD, 2)))["probabilities"]
    assert probabilities.shape == (1, 4)
    assert probabilities[0, [1, 3]].tolist() == [0, 0]


def test_copy_repeats_the_source() -> None:
    assert Copy().predict(PairView(["ein Hund"], ["a dog"], "de", "en")) == {"hypotheses": ["ein Hund"]}


def test_the_constant_is_the_sentence_of_the_highest_bleu_for_all() -> None:
    targets = ["a man runs on the grass", "a dog runs on the grass", "A man sleeps", "a man runs on the sand now", "so"]
    baseline = Constant()
    baseline.fit(Splits(PairView([""] * 5, targets), None))
    scores = [text.corpus_bleu([target] * 5, targets, lowercase=True).value for target in targets]
    best = targets[int(np.argmax(scores))]
    assert best == "a man runs on the grass", "neither the longest nor the commonest beginning"
    assert baseline.predict(PairView(["ein Hund", "zwei"], ["", ""])) == {"hypotheses": [best, best]}


def test_dictionary_aligns_words_across_sentences() -> None:
    train = PairView(
        ["das Haus", "das Buch", "ein Buch", "ein Haus!"],
        ["the house", "the book", "a book", "a house!"],
        "de",
        "en",
    )
    baseline = Dictionary(iterations=20)
    baseline.fit(Splits(train, None))
    outputs = baseline.predict(PairView(["Ein Buch das Haus Dortmund!", ""], ["", ""], "de", "en"))
    assert outputs["hypotheses"] == ["a book the house dortmund!", ""]


@pytest.mark.parametrize("empty", [("a", ""), ("", "b"), ("", ""), ("\u200b", "\x01"), (" ", "b")])
def test_a_pair_with_an_empty_side_teaches_a_dictionary_nothing(empty: tuple[str, str]) -> None:
    sources, targets = zip(("das haus", "the house"), empty, ("das buch", "the book"), strict=True)
    baseline = Dictionary(iterations=20)
    baseline.fit(Splits(PairView(list(sources), list(targets), "de", "en"), None))
    assert baseline.predict(PairView(["das buch", ""], ["", ""], "de", "en"))["hypotheses"] == ["the book", ""]


def test_a_dictionary_of_a_language_without_spaces_is_of_characters() -> None:
    baseline = Dictionary(iterations=20)
    baseline.fit(Splits(PairView(["a cat", "a dog", "cat"], ["一猫", "一狗", "猫"], "en", "zh"), None))
    assert baseline.predict(PairView(["a cat sings"], [""], "en", "zh"))["hypotheses"] == ["一猫sings"]


def test_dictionary_on_multi30k(benchmark_data: Path) -> None:
    def lines(name: str, count: int) -> list[str]:
        with gzip.open(benchmark_data / "multi30k" / f"{name}.gz", "rt", encoding="utf-8") as file:
            return [next(file).strip() for _ in range(count)]

    baseline = Dictionary()
    train = PairView(lines("train.de", 4000), lines("train.en", 4000), "de", "en")
    baseline.fit(Splits(train, None))
    test = PairView(lines("test_2016_flickr.de", 500), lines("test_2016_flickr.en", 500), "de", "en")
    score = text.corpus_bleu(baseline.predict(test)["hypotheses"], test.targets, lowercase=True).value
    copied = text.corpus_bleu(Copy().predict(test)["hypotheses"], test.targets, lowercase=True).value
    constant = Constant()
    constant.fit(Splits(train, None))
    repeated = text.corpus_bleu(constant.predict(test)["hypotheses"], test.targets, lowercase=True).value
    assert copied < 2 < repeated < 5 < 15 < score < 30


def test_windows_of_a_series_are_views_of_it() -> None:
    series = np.arange(20.0).reshape(10, 2)
    view = WindowView.from_series(series, window=3, horizon=2, first=1)
    assert len(view) == 5
    np.testing.assert_array_equal(view.inputs[4], series[5:8])
    np.testing.assert_array_equal(view.targets[4], series[8:10])
    assert np.shares_memory(view.inputs, series)
    assert [len(inputs) for inputs, _ in view.chunks(2)] == [2, 2, 1]
    with pytest.raises(ValueError, match="5 windows fit, 6 wanted"):
        WindowView.from_series(series, 3, 2, first=1, count=6)


def test_repeating_forecasts_by_hand() -> None:
    view = WindowView(np.arange(6.0).reshape(1, 6, 1), np.zeros((1, 5, 1)))
    assert LastValue().predict(view)["forecast"][0, :, 0].tolist() == [5] * 5
    seasonal = Seasonal(period=2)
    seasonal.fit(Splits(view, view))
    assert seasonal.predict(view)["forecast"][0, :, 0].tolist() == [4, 5, 4, 5, 4]
    with pytest.raises(UserError, match="inside the window"):
        Seasonal(period=7).fit(Splits(view, view))


def test_last_value_on_etth1_is_the_published_repeat(benchmark_data: Path) -> None:
    with open(benchmark_data / "ett" / "ETTh1.csv", encoding="utf-8") as file:
        rows = np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:14401]])
    series = (rows - rows[:8640].mean(0)) / rows[:8640].std(0)
    view = WindowView.from_series(series, 96, 24, first=8640 + 2880 - 96)
    assert len(view) == 2880 - 24 + 1
    error = (LastValue().predict(view)["forecast"] - view.targets) ** 2
    assert error.mean() == pytest.approx(1.222, abs=5e-4)


def test_pca_is_scikit_learns_and_keeps_the_rate(benchmark_data: Path) -> None:
    from sklearn.decomposition import PCA as PrincipalComponents

    train, validation = (digits(benchmark_data, "train", rows) for rows in (slice(4000), slice(4000, 5000)))
    baseline = PCA(rate=0.25, components=[8, 32, 64])
    baseline.fit(Splits(train, validation))
    outputs = baseline.predict(validation)
    rate = coding.bits_per_pixel(outputs["bytes"], 1000, 784)
    assert 0.24 < rate <= 0.25

    fitted = PrincipalComponents(n_components=baseline.size, svd_solver="full").fit(train.pixels)
    codes = np.rint(fitted.transform(validation.pixels) / baseline.step) * baseline.step
    expected = images.psnr(fitted.inverse_transform(codes).clip(0, 1), validation.pixels).mean()
    found = images.psnr(outputs["reconstruction"], validation.pixels).mean()
    assert found == pytest.approx(expected, abs=0.02)
    assert found > 20


def test_png_is_lossless(benchmark_data: Path) -> None:
    view = digits(benchmark_data, "test", slice(100))
    outputs = PNG().predict(view)
    assert images.psnr(outputs["reconstruction"], view.pixels).min() == images.PSNR_CAP
    assert 2 < coding.bits_per_pixel(outputs["bytes"], 100, 784) < 4


def test_the_mean_image_costs_a_header() -> None:
    train = ImageView(np.array([[0.0, 0.5, 1.0, 0.0], [1.0, 0.5, 0.0, 0.0]]), np.zeros(2, np.int64))
    test = ImageView(np.eye(4)[:3], np.zeros(3, np.int64))
    baseline = MeanImage()
    baseline.fit(Splits(train, test))
    found = baseline.predict(test)
    np.testing.assert_array_equal(found["reconstruction"], [[0.5, 0.5, 0.5, 0.0]] * 3)
    header = coding.encode(np.zeros((3, 0)), 1.0)
    assert found["bytes"] == len(header) < 40
    assert coding.decode(header).shape == (3, 0)


def test_independent_pixels_have_trains_values_and_no_relation() -> None:
    values = np.array([0.0, 0.25, 1.0])
    pixels = np.stack((np.repeat(values, 100), np.repeat(values, 100), np.full(300, 0.5)), axis=1)
    train = ImageView(pixels, np.zeros(300, np.int64))
    first, again, other = (IndependentPixels(seed, samples=3000) for seed in (0, 0, 1))
    for baseline in (first, again, other):
        baseline.fit(Splits(train, train))
    found = first.predict(train)["samples"]
    assert found.shape == (3000, 3)
    for column in (0, 1):
        share = [(found[:, column] == value).mean() for value in values]
        np.testing.assert_allclose(share, 1 / 3, atol=0.03)
    assert set(found[:, 2]) == {0.5}
    assert abs(np.corrcoef(found[:, 0], found[:, 1])[0, 1]) < 0.06, "in train it is 1"
    np.testing.assert_array_equal(again.predict(train)["samples"], found)
    assert (other.predict(train)["samples"] != found).any()
    unstated = IndependentPixels(0)
    unstated.fit(Splits(train, train))
    assert len(unstated.predict(ImageView(pixels[:7], train.labels[:7]))["samples"]) == 7, "as many as the split has"


def test_real_images_are_those_of_train_each_as_often_as_another() -> None:
    train, split = (ImageView(first + np.arange(10)[:, None] / 100, np.zeros(10)) for first in (0.0, 0.5))

    def drawn(seed: int, samples: int | None) -> np.ndarray:
        baseline = RealImages(seed=seed, samples=samples)
        baseline.fit(Splits(train, split))
        np.testing.assert_array_equal(baseline.predict(split)["samples"], baseline.predict(split)["samples"])
        shown: np.ndarray = baseline.predict(split)["samples"][:, 0]
        return shown

    assert len(set(drawn(0, 4))) == 4
    assert sorted(drawn(0, None)) == sorted(train.pixels[:, 0])
    assert sorted(np.unique(drawn(0, 25), return_counts=True)[1]) == [2] * 5 + [3] * 5
    assert drawn(0, 10).tolist() == drawn(0, 10).tolist() != drawn(1, 10).tolist()


def test_mixture_samples_follow_the_seed_and_the_data() -> None:
    random = np.random.default_rng(0)
    centres = np.array([[0.2] * 16, [0.8] * 16])
    train = ImageView(np.repeat(centres, 200, axis=0) + random.normal(0, 0.02, (400, 16)), np.repeat([0, 1], 200))
    draws = []
    for seed in (0, 0, 1):
        baseline = GaussianMixture(seed=seed, samples=300, components=2, dimensions=4)
        baseline.fit(Splits(train, train))
        draws.append(baseline.predict(train)["samples"])
        np.testing.assert_array_equal(draws[-1], baseline.predict(train)["samples"])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert draws[0].shape == (300, 16)
    means = draws[0].mean(1)
    assert ((np.abs(means - 0.2) < 0.05) | (np.abs(means - 0.8) < 0.05)).all()
    assert 0.4 < (means > 0.5).mean() < 0.6
