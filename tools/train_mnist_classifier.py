"""Train the classifier whose features measure generated digits, and write its weights into the package.

    UNROLL_DATA=/path/to/data python tools/train_mnist_classifier.py

Reads `$UNROLL_DATA/mnist/mnist.npz`. All 60,000 training images, 8 epochs of Adam with a rate that falls
linearly, one thread, seed 0: about two minutes. Nothing is selected on the test images; their accuracy is
printed once (99.26 % for the committed weights), with the SHA-256 that `frechet.WEIGHTS_SHA256` must hold.
Training it again on another machine gives other bits and so other distances: only do that to replace the
committed weights for good.
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from unroll.tasks.metrics import frechet

EPOCHS = 8
BATCH = 128
LEARNING_RATE = 2e-3


def main() -> None:
    """Train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(frechet.__file__).with_name(frechet.WEIGHTS_FILE))
    output = parser.parse_args().output

    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    with np.load(Path(os.environ["UNROLL_DATA"]) / "mnist" / "mnist.npz") as data:
        images, digits = tensors(data["x_train"], data["y_train"])
        test_images, test_digits = tensors(data["x_test"], data["y_test"])

    model = train(images, digits)
    with torch.no_grad():
        right = sum(
            int((model(x).argmax(1) == y).sum())
            for x, y in zip(test_images.split(1000), test_digits.split(1000), strict=True)
        )
    np.savez(output, **{name: value.numpy() for name, value in model.state_dict().items()})
    print(f"test accuracy {right / len(test_digits):.4f} ({right}/{len(test_digits)})")
    print(f"{output}: {output.stat().st_size} bytes, sha256 {hashlib.sha256(output.read_bytes()).hexdigest()}")


def tensors(images: np.ndarray, digits: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images [N, 28, 28] and digits [N] -> floats [N, 1, 28, 28] in [0, 1] and int64 [N]."""
    return torch.from_numpy(images[:, None].astype(np.float32) / 255), torch.from_numpy(digits.astype(np.int64))


def train(images: torch.Tensor, digits: torch.Tensor) -> frechet.MnistClassifier:
    """Cross-entropy on shuffled batches; returns the model in evaluation mode."""
    model = frechet.MnistClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(images))[: len(images) // BATCH * BATCH]
        total = 0.0
        for rows in order.split(BATCH):
            loss = functional.cross_entropy(model(images[rows]), digits[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total * BATCH / len(order):.4f}", flush=True)
    return model.eval()


if __name__ == "__main__":
    main()
