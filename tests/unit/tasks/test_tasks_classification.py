"""Classification of images: orders of reading, the pixels' nats, metrics, and logistic regression on the pixels."""

import made_up
import numpy as np
import pytest
import torch
from scipy import stats

from unroll.errors import UserError
from unroll.tasks.baselines.images import PixelsLogisticRegression
from unroll.tasks.baselines.views import ImageView, Splits

ROWS = torch.arange(9)


def test_every_order_reads_the_same_pixels() -> None:
    rows, pixels, permuted = (
        made_up.prepared(made_up.trial("classification", f"task.order={order}")).splits["test"].batch(ROWS)
        for order in ("rows", "pixels", "permuted")
    )
    assert rows.inputs.shape == (9, 28, 28)
    assert pixels.inputs.shape == permuted.inputs.shape == (9, 784, 1)
    assert torch.equal(rows.inputs.flatten(1), pixels.inputs.flatten(1))
    assert not torch.equal(pixels.inputs, permuted.inputs)
    assert torch.equal(pixels.inputs.sort(dim=1).values, permuted.inputs.sort(dim=1).values)
    assert rows.targets.tolist() == pixels.targets.tolist() == permuted.targets.tolist() == list(range(9))
    assert (rows.lengths.unique().tolist(), permuted.lengths.unique().tolist()) == ([28], [784])


def test_chunks_shorten_the_same_sequence() -> None:
    whole, chunks = (
        made_up.prepared(made_up.trial("classification", "task.order=permuted", f"task.chunk={chunk}"))
        for chunk in (1, 7)
    )
    batch = chunks.splits["test"].batch(ROWS)
    assert batch.inputs.shape == (9, 112, 7)
    assert torch.equal(batch.inputs.flatten(1), whole.splits["test"].batch(ROWS).inputs.flatten(1))


@pytest.mark.parametrize(("order", "chunk"), [("rows", 4), ("pixels", 0), ("pixels", 5)])
def test_chunks_without_effect_or_with_a_rest_are_refused(order: str, chunk: int) -> None:
    with pytest.raises(UserError, match=f"task.chunk={chunk}"):
        made_up.prepared(made_up.trial("classification", f"task.order={order}", f"task.chunk={chunk}"))


def test_the_permutation_is_one_for_all_splits_seeds_and_times() -> None:
    first, second = (
        made_up.prepared(made_up.trial("classification", "task.order=permuted", f"seed={seed}")) for seed in (0, 1)
    )
    assert first.places.sort().values.tolist() == list(range(784))
    assert torch.equal(first.places, second.places)
    assert first.places[:4].tolist() == [527, 564, 582, 308]


def test_a_reconstructed_sequence_costs_the_gaussian_nats_of_its_pixels() -> None:
    for order in ("rows", "permuted"):
        task, network = made_up.built("classification", "ae", f"task.order={order}")
        network.eval().requires_grad_(False)
        network.heads["noise"].log_scale.fill_(-1.0)
        batch = task.splits["train"].batch(ROWS)
        losses = task.losses(network, batch)
        shown = network.decode(network.encode(batch).code, None, batch.inputs.shape[1]).sigmoid()
        density = stats.norm.logpdf(batch.inputs, shown, np.exp(-1.0)).sum(axis=(1, 2)) + 784 * np.log(2 * np.pi) / 2
        np.testing.assert_allclose(losses.reconstruction, -density, rtol=1e-4)
        torch.testing.assert_close(task.objective(losses), losses.task + 0.001 * losses.reconstruction)


def test_networks_that_do_not_reconstruct_have_no_decoder() -> None:
    task, network = made_up.built("classification", "gru")
    assert network.decoder is None
    assert task.losses(network, task.splits["train"].batch(ROWS)).reconstruction is None


def test_error_is_the_share_of_images_that_are_wrong() -> None:
    task = made_up.prepared(made_up.trial("classification"))
    probabilities = np.full((9, 10), 0.05)
    probabilities[range(9), [0, 1, 2, 3, 4, 5, 6, 0, 0]] = 0.55
    found = task.metrics({"probabilities": probabilities}, "validation")
    assert found["error"] == pytest.approx(100 * 2 / 9)
    assert found["accuracy"] == pytest.approx(100 * 7 / 9)
    assert found["nll"] == pytest.approx(-(7 * np.log(0.55) + 2 * np.log(0.05)) / 9)


def test_a_share_of_train_keeps_images_with_their_labels() -> None:
    whole, part = (made_up.prepared(made_up.trial("classification", f"data.fraction={f}")) for f in (1.0, 0.9))
    images = {image.tobytes(): label for image, label in zip(whole.view("train").pixels, range(24), strict=True)}
    view = part.view("train")
    assert len(view) == 22
    assert [images[image.tobytes()] % 10 for image in view.pixels] == view.labels.tolist()
    assert len(part.view("test")) == 11


def test_a_share_of_train_without_a_class_of_test_is_refused() -> None:
    with pytest.raises(UserError, match=r"a class that train of the share that data\.fraction=0\.2 keeps has not"):
        made_up.prepared(made_up.trial("classification", "data.fraction=0.2"))


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'permuted'"):
        made_up.prepared(made_up.trial("classification", "task.order=permutted"))


def test_logistic_regression_separates_what_a_line_separates() -> None:
    random = np.random.default_rng(0)
    pixels = random.random((200, 16))
    labels = (pixels[:, 0] + pixels[:, 1] > 1).astype(int)
    baseline = PixelsLogisticRegression(strengths=[0.001, 100])
    baseline.fit(Splits(ImageView(pixels[:100], labels[:100]), ImageView(pixels[100:150], labels[100:150])))
    found = baseline.predict(ImageView(pixels[150:], labels[150:]))["probabilities"]
    assert baseline.regression.strength == 100
    assert (found.argmax(axis=1) == labels[150:]).mean() > 0.9
