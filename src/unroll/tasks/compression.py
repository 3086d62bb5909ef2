"""Compression: an image in, a code, real bytes, and the image again (many-to-many, aligned)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unroll.data.examples import Examples
from unroll.data.splits import Batch, ImageSplit
from unroll.models.contracts import Shape
from unroll.models.network import Network
from unroll.registry.options import Positive
from unroll.tasks.baselines.views import ImageView
from unroll.tasks.likelihoods import Likelihood, PixelLikelihood
from unroll.tasks.metrics import coding, images
from unroll.tasks.task import Collect, Final, Losses, Outputs, Task, reconstruction_nats, shared_split


def image_splits(examples: Examples, fraction: float) -> dict[str, Any]:
    """Square grey images as `ImageSplit`s, train cut to its share."""
    splits: dict[str, Any] = {}
    for name, table in examples.splits.items():
        rows = table["pixels"][:]
        side = round(len(rows[0]) ** 0.5)
        pixels = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, side, side)
        labels = torch.tensor(table["label"][:], dtype=torch.int64)
        splits[name] = ImageSplit(torch.from_numpy(pixels.copy()), labels)
    splits["train"] = shared_split(splits["train"], fraction)
    return splits


def image_shape(side: int) -> Shape:
    """Images of side x side as sequences of rows."""
    return Shape(
        input_width=side,
        max_length=side,
        output_width=side,
        output_length=side,
        reference_code=side * side,
        image=True,
        own_input=True,
    )


def image_view(split: Any) -> ImageView:
    """A split's images as baselines see them: [N, pixels] in [0, 1]."""
    index = torch.arange(len(split))
    pixels = np.concatenate([split.batch(part).targets.flatten(1).numpy() for part in index.split(4096)])
    labels = split.labels if hasattr(split, "labels") else split.whole.labels[split.kept]
    return ImageView(pixels, labels.numpy())


class Compression(Task):
    """Compress images. Loss: nats of the pixels, summed over an image; the objective is its mean over pixels.

    After training, codes are quantised by one step, entropy-coded into one stream a split, and decoded from those
    bytes. The step is the finest whose measured rate on validation is at most `rate`; it is then applied to test.

    Args:
        rate: bits per pixel.
        curve: octaves around the chosen step for the rate-distortion curve on test.
        likelihood: gaussian (half the squared error by a learned scale) | bernoulli (binary cross-entropy, grey values
            as probabilities).

    Raises:
        UserError: an unknown likelihood.
    """

    autoencodes: ClassVar[bool] = True

    def __init__(self, rate: Positive, curve: Sequence[float], likelihood: Likelihood = "gaussian"):
        self.rate, self.curve = rate, list(curve)
        self.likelihood = PixelLikelihood(likelihood)

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        self.splits = image_splits(examples, data["fraction"])
        self.side = self.splits["test"].pixels.shape[1]
        self.values = self.side**2

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Rows -> code -> rows of pixels in (0, 1)."""
        network = Network(image_shape(self.side), architecture, bottleneck, nn.Identity(), decodes=True)
        network.add_output_head(self.side)
        self.likelihood.add_head(network)
        return network

    def _decode(self, network: Network, code: Tensor) -> Tensor:
        return self.likelihood.pixels(network.decode(code, None, self.side))

    def losses(self, network: Network, batch: Batch) -> Losses:
        code = network.encode(batch)
        nats = reconstruction_nats(code, batch.targets, lambda z, pixels: self._nats(network, z, pixels))
        return Losses(nats, code.penalty)

    def _nats(self, network: Network, code: Tensor, pixels: Tensor) -> Tensor:
        """-log p(x | z) of pixels in [0, 1], summed over an image [B]."""
        return self.likelihood.nats(network, network.decode(code, None, self.side), pixels)

    def validate(self, network: Network, batch: Batch) -> Outputs:
        code = network.encode(batch)
        error = (self._decode(network, code.code) - batch.targets).square().flatten(1).mean(dim=1)
        return {"squared_error": error.double().cpu().numpy()}

    def reports(self) -> dict[str, str]:
        return {"psnr": "higher", "bits_per_pixel": "lower", "mse": "lower", "ssim": "higher", "sharpness": "higher"}

    def selects_by(self) -> dict[str, str]:
        return {"mse": "lower"}

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        return {"mse": float(outputs["squared_error"].mean())}

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        code = network.encode(batch).code
        return {"code": code.float().cpu().numpy()}

    def reconstruct(self, network: Network, codes: np.ndarray) -> np.ndarray:
        """Codes [N,Z] -> pixels [N, side^2] in [0, 1]."""
        device = next(network.parameters()).device
        parts = torch.from_numpy(np.asarray(codes, np.float32)).split(1024)
        with torch.inference_mode(), network.precision():
            rows = [self._decode(network, part.to(device)).flatten(1).float().cpu() for part in parts]
        return torch.cat(rows).numpy()

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        final = Final()
        codes = {split: collect(split)["code"] for split in ("validation", "test")}
        step = coding.choose_step(codes["validation"], self.rate, self.values)
        for split, values in codes.items():
            stream = coding.encode(values, step)
            outputs = {"reconstruction": self.reconstruct(network, coding.decode(stream)), "bytes": len(stream)}
            final.metrics[split] = {**self.metrics(outputs, split), "quantiser_step": step}
            final.predictions[split] = {"code": values, **self.predictions(outputs, split)}
            final.images = self.shown(outputs, split)
        truth = self.view("test").pixels

        def distortion(decoded: np.ndarray) -> dict[str, float]:
            return {"psnr": float(images.psnr(self.reconstruct(network, decoded), truth).mean())}

        steps = coding.steps_around(step, self.curve)
        final.curves["rate_distortion"] = coding.rate_distortion(codes["test"], steps, self.values, distortion)
        return final

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """psnr (mean over images, dB), bits_per_pixel of the real bytes, mse, ssim (means over images), sharpness."""
        found = {name: float(values.mean()) for name, values in self.scores(outputs, split).items()}
        rate = coding.bits_per_pixel(outputs["bytes"], len(self.splits[split]), self.values)
        sharpness = images.sharpness(np.asarray(outputs["reconstruction"]), self.view(split).pixels)
        return {
            "psnr": found["psnr"],
            "bits_per_pixel": rate,
            "mse": found["mse"],
            "ssim": found["ssim"],
            "sharpness": sharpness,
        }

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        truth, shown = self.view(split).pixels, np.asarray(outputs["reconstruction"])
        return {
            "psnr": images.psnr(shown, truth),
            "mse": images.squared_error(shown, truth),
            "ssim": images.ssim(shown, truth),
        }

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        return self.scores(outputs, split)

    def shown(self, outputs: Outputs, split: str) -> Outputs:
        both = {"original": self.view(split).pixels, "reconstruction": outputs["reconstruction"]}
        return {name: images.to_look_at(pixels[: images.KEPT]) for name, pixels in both.items()}

    def view(self, split: str) -> ImageView:
        return image_view(self.splits[split])
