"""Compression: an image in, a code, real bytes, and the image again (many-to-many, aligned)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.fields import Dense
from unroll.data.splits import Batch, Split
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Network
from unroll.records.looked_at import looked_at
from unroll.registry.metric import Former, Metric, Score
from unroll.registry.options import Positive
from unroll.tasks.baselines.views import ImageView
from unroll.tasks.columns import Columns, scores_of
from unroll.tasks.likelihoods import Likelihood, PixelLikelihood
from unroll.tasks.metrics import coding, images
from unroll.tasks.raw import Raw, raw_images
from unroll.tasks.task import Collect, Final, Losses, Outputs, Task, reconstruction_nats

UNCODED = ("mse_uncoded", "cross_entropy_uncoded", "nats_uncoded")  # of a network's codes before they are quantised


class Images(NamedTuple):
    """Square grey images with their labels."""

    pixels: Tensor  # [N, side, side] uint8
    labels: Tensor  # [N] int64

    def split(self) -> Split:
        """The images as sequences of rows, grey values in [0, 1]; they are their own targets."""
        return Split(Dense(self.pixels, lambda pixels: pixels.float().div_(255)))

    def view(self) -> ImageView:
        """The images as baselines see them: [N, pixels] in [0, 1]."""
        pixels = np.concatenate([part.float().div_(255).flatten(1).numpy() for part in self.pixels.split(4096)])
        return ImageView(pixels, self.labels.numpy())


def images_of(examples: Examples, fraction: float = 1.0) -> dict[str, Images]:
    """The images of each split, train's cut to its share."""
    found = {}
    for name, table in examples.splits.items():
        rows = table["pixels"][:]
        side = round(len(rows[0]) ** 0.5)
        pixels = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, side, side)
        kept = train_share(len(pixels), fraction if name == "train" else 1.0)
        labels = torch.tensor(table["label"][:], dtype=torch.int64)
        found[name] = Images(torch.from_numpy(pixels[kept]), labels[kept])
    return found


def image_shape(side: int) -> Shape:
    """Images of side x side as sequences of rows."""
    rows = Side(side, side, image=True)
    return Shape(input=rows, output=rows, reference_code=side * side, relation="same")


class Compression(Task):
    """Compress images. Loss: nats of the pixels, summed over an image; the objective is its mean over pixels.

    After training, codes are quantised by one step, entropy-coded into one stream a split, and decoded from those
    bytes. The step is the finest whose measured rate on validation is at most `rate`; it is then applied to test.
    Weights are selected by `mse_uncoded`, the error before that, which costs no coding. It is of the mean code, as
    `cross_entropy_uncoded` is: binary, grey values as probabilities, a pixel's mean. `nats_uncoded` are an image's,
    under `likelihood`: of a random code minus the ELBO from one sample (Kingma & Welling 2014, eq. 7), of any other
    -log p(x | z). All else is of decoded images.

    Args:
        rate: bits per pixel.
        curve: octaves around the chosen step for the rate-distortion curve on test.
        likelihood: gaussian (half the squared error by a learned scale) | bernoulli (binary cross-entropy, grey values
            as probabilities).

    Raises:
        UserError: an unknown likelihood.
    """

    reads_further = False
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(name="psnr", unit="dB", direction="higher", score=Score(name="psnr")),
        Metric(name="bits_per_pixel", unit="bits", direction="lower", least=0),
        Metric(name="mse", unit="pixel² (range 1)", direction="lower", score=Score(name="mse", least=0), least=0),
        Metric(
            name="mse_uncoded",
            unit="pixel² (range 1)",
            direction="lower",
            least=0,
            former=(Former(until=1, name="mse"),),
        ),
        Metric(name="cross_entropy_uncoded", unit="nats a pixel", direction="lower", least=0),
        Metric(name="nats_uncoded", unit="nats an image", direction="lower"),
        Metric(name="ssim", unit="of 1", direction="higher"),
        Metric(name="sharpness", unit="of the images' own", direction="higher", least=0),
        Metric(name="quantiser_step", unit="code units", direction="lower", least=0),
    )
    poses: ClassVar[tuple[str, ...]] = ("rate",)
    learned = ("side", "values", "window_fits", "quantiser_step")
    relation: ClassVar[Relation] = "same"
    autoencodes: ClassVar[bool] = True
    window_fits: bool = True  # SSIM's, into the images; smaller ones have no SSIM

    def __init__(self, rate: Positive, curve: Sequence[float], likelihood: Likelihood = "gaussian"):
        self.rate, self.curve = rate, list(curve)
        self.likelihood = PixelLikelihood(likelihood)

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        self.images = images_of(examples, data["fraction"])
        self.splits = {name: images.split() for name, images in self.images.items()}
        self.side = self.images["test"].pixels.shape[1]
        self.values, self.window_fits = self.side**2, self.side >= images.SSIM_WINDOW

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

    def reports(self) -> Sequence[str]:
        return ["psnr", "bits_per_pixel", "mse", *(["ssim"] if self.window_fits else []), "sharpness"]

    def reports_of_networks(self, config: Mapping[str, Any]) -> Sequence[str]:
        return UNCODED

    def selects_by(self) -> Sequence[str]:
        return ["mse_uncoded"]

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        return {"mse_uncoded": float(outputs["squared_error"].mean())}

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        code, pixels = network.encode(batch), batch.targets
        values = network.decode(code.code, None, self.side)
        shown = F.binary_cross_entropy_with_logits(values, pixels, reduction="none").flatten(1).mean(dim=1)
        error = (self.likelihood.pixels(values) - pixels).square().flatten(1).mean(dim=1)
        nats, posterior = self.likelihood.nats(network, values, pixels), code.context.posterior
        if posterior is not None and code.context.prior is not None:
            sample = posterior.sample(torch.randn_like(code.code))[0]
            divergence = posterior.divergence(code.context.prior).sum(dim=-1)
            nats = self._nats(network, sample, pixels) + divergence
        found = dict(zip(UNCODED, (error, shown, nats), strict=True))
        return {"code": code.code.float().cpu().numpy()} | {
            name: each.double().cpu().numpy() for name, each in found.items()
        }

    def reconstruct(self, network: Network, codes: np.ndarray) -> np.ndarray:
        """Codes [N,Z] -> pixels [N, side^2] in [0, 1]."""
        device = next(network.parameters()).device
        parts = torch.from_numpy(np.asarray(codes, np.float32)).split(1024)
        with torch.inference_mode(), network.precision():
            rows = [self._decode(network, part.to(device)).flatten(1).float().cpu() for part in parts]
        return torch.cat(rows).numpy()

    def settle(self, network: Network, collect: Collect, seed: int) -> None:
        """Choose the quantiser's step on validation, as the final evaluation does."""
        self.quantiser_step = coding.choose_step(collect("validation")["code"], self.rate, self.values)

    def raw(self, inputs: Any) -> Raw:
        """Images [N, side, side] of uint8, or floats 0 to 1 -> their `reconstruction` [N, side, side] in [0, 1] from
        the quantised code, these codes (`code` [N, Z]), and the squared error of the pixels (`mse` [N]).

        Raises:
            UserError: as `raw_images`.
        """
        pixels = raw_images(inputs, self.side)

        def told(network: Network, outputs: Outputs) -> Outputs:
            codes = coding.quantise(outputs["code"], self.quantiser_step) * self.quantiser_step
            shown = self.reconstruct(network, codes)
            error = images.squared_error(shown, pixels.flatten(1).numpy() / np.float32(255))
            return {"reconstruction": shown.reshape(-1, self.side, self.side), "code": codes, "mse": error}

        return Raw([Images(pixels, torch.zeros(len(pixels))).split()], told)

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        final = Final()
        found = {split: collect(split) for split in ("validation", "test")}
        codes = {split: outputs["code"] for split, outputs in found.items()}
        step = coding.choose_step(codes["validation"], self.rate, self.values)
        for split, values in codes.items():
            stream = coding.encode(values, step)
            outputs = {"reconstruction": self.reconstruct(network, coding.decode(stream)), "bytes": len(stream)}
            scores = self.scores(outputs, split)
            uncoded = {name: float(found[split][name].mean()) for name in UNCODED}
            final.metrics[split] = {**self._means(scores, outputs, split), **uncoded, "quantiser_step": step}
            final.predictions[split] = {"code": values, **scores}
            self.measure_extra(final, outputs, split)
            final.images = self.shown(outputs, split)
        truth = self.truth("test")

        def distortion(decoded: np.ndarray) -> dict[str, float]:
            return {"psnr": float(images.psnr(self.reconstruct(network, decoded), truth).mean())}

        steps = coding.steps_around(step, self.curve)
        final.curves["rate_distortion"] = coding.rate_distortion(codes["test"], steps, self.values, distortion)
        return final

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """psnr (mean over images, dB), bits_per_pixel of the real bytes, mse, ssim (means over images), sharpness.

        Images smaller than SSIM's window have no ssim.
        """
        return self._means(self.scores(outputs, split), outputs, split)

    def _means(self, scores: Outputs, outputs: Outputs, split: str) -> dict[str, float]:
        found = {name: float(values.mean()) for name, values in scores.items()}
        found["bits_per_pixel"] = coding.bits_per_pixel(outputs["bytes"], len(self.splits[split]), self.values)
        found["sharpness"] = images.sharpness(np.asarray(outputs["reconstruction"]), self.view(split).pixels)
        return {name: found[name] for name in self.reports()}

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        truth, shown = self.truth(split), np.asarray(outputs["reconstruction"])
        found = {"psnr": images.psnr(shown, truth), "mse": images.squared_error(shown, truth)}
        return {**found, "ssim": images.ssim(shown, truth)} if self.window_fits else found

    def predictions(self, outputs: Outputs, split: str) -> Outputs:
        return self.scores(outputs, split)

    def shown(self, outputs: Outputs, split: str) -> Outputs:
        both = {"original": self.view(split).pixels, "reconstruction": outputs["reconstruction"]}
        index = looked_at(self.counted(split))
        return {name: images.to_look_at(np.asarray(pixels)[index]) for name, pixels in both.items()}

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The label and the scores."""
        labels = self.images[split].labels.numpy()[index].tolist()
        return {"label": labels, **scores_of(predictions, index, self.counted(split))}

    def truth(self, split: str) -> np.ndarray:
        """The pixels [N, side^2] in [0, 1]."""
        return self.view(split).pixels

    def view(self, split: str) -> ImageView:
        return self.images[split].view()
