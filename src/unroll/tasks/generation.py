"""Generation: images are learned, then drawn from codes (one-to-many)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.config.parts import parts_of
from unroll.data.examples import Examples
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.bottlenecks.variational import log_weights
from unroll.models.contracts import Relation
from unroll.models.network import Coded, Network
from unroll.models.noise import bernoulli
from unroll.records.looked_at import looked_at
from unroll.registry.metric import FITTED, SAMPLED, Metric
from unroll.registry.options import Count
from unroll.seeds import derive, generator
from unroll.tasks.baselines.views import ImageView
from unroll.tasks.columns import Columns, scores_of
from unroll.tasks.compression import Images, image_shape, images_of
from unroll.tasks.metrics import frechet
from unroll.tasks.metrics.images import sharpness, spread_out, to_look_at
from unroll.tasks.raw import Raw, raw_images
from unroll.tasks.task import Collect, Final, Losses, Outputs, Task, reconstruction_nats

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

DENSITY_EXAMPLES = 10_000  # train images whose codes the density is fitted to
FULL_COVARIANCE = 512  # widest code whose mixture has full covariances; wider ones have diagonal ones
ROWS_AT_ONCE = 8192  # images decoded together for the importance-weighted bound


def binarised(images: Images, purpose: str) -> Images:
    """The images binarised once: each pixel is 1 with its grey value as probability; the same for every trial."""
    grey = images.pixels.numpy()
    ones = generator(0, "binarise " + purpose).random(grey.shape, dtype=np.float32) * 255 < grey
    return Images(torch.from_numpy(ones.astype(np.uint8) * 255), images.labels)


class Generation(Task):
    """Generate images. Loss: Bernoulli nats of binarised pixels; the objective is its mean over pixels.

    Train images are binarised afresh at every step, validation and test images once. After training a Gaussian mixture
    is fitted to train codes; its samples, decoded to pixel probabilities, are compared with the split's grey images.
    Variational codes are also sampled from their prior N(0, 1), and get an ELBO and the importance-weighted bound
    (Burda, Grosse, Salakhutdinov 2016, eq. 8):
    L_k = E[log 1/k sum_i p(x, z_i) / q(z_i | x)],  ELBO = L_1, both from the same k samples, in nats an image.

    Args:
        samples: images drawn for each distance.
        density_components: of the Gaussian mixture (full covariances; diagonal ones of codes above 512 values).
        importance_samples: k.
    """

    reads_further = False
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            name="frechet_mnist_classifier",
            unit="squared feature distance",
            direction="lower",
            tolerance=FITTED,
            least=0,
            counted=True,
            suffixes=("_prior",),
        ),
        *(
            Metric(
                name=name,
                unit="share",
                direction="higher",
                tolerance=SAMPLED,
                least=0,
                most=1,
                suffixes=("_prior",),
            )
            for name in ("precision", "recall")
        ),
        Metric(name="nats", unit="nats", direction="lower"),
        Metric(name="reconstruction_nats", unit="nats", direction="lower"),
        Metric(name="elbo", unit="nats", direction="higher"),
        Metric(name="importance_bound", unit="nats", direction="higher", counted=True),
        Metric(name="sharpness", unit="of the images' own", direction="higher", least=0),
    )
    poses: ClassVar[tuple[str, ...]] = ("samples",)
    relation: ClassVar[Relation] = "same"
    autoencodes: ClassVar[bool] = True
    seen: ClassVar[str] = "density"
    learned = ("side", "values", "coded", "mixture")

    def __init__(self, samples: Annotated[int, Field(ge=4)], density_components: Count, importance_samples: Count):
        self.samples, self.density_components = samples, density_components
        self.importance_samples = importance_samples

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        self.grey = images_of(examples, data["fraction"])
        self.side = self.grey["test"].pixels.shape[1]
        self.values, self.coded = self.side**2, min(DENSITY_EXAMPLES, len(self.grey["train"].pixels))
        self.real_features: dict[str, np.ndarray] = {}  # of the grey images, by split; found when they are needed
        first = Images(*(part[:DENSITY_EXAMPLES] for part in self.grey["train"]))
        self.binary = {
            "density": binarised(first, "train"),
            **{name: binarised(self.grey[name], name) for name in ("validation", "test")},
        }
        self.splits = {name: images.split() for name, images in {"train": self.grey["train"], **self.binary}.items()}

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Rows -> code -> rows of pixel logits; UserError where the mixture of codes has more components than codes."""
        codes = self.coded
        if self.density_components > codes:
            raise UserError(
                "The mixture of codes has more components than there are images to fit it to.",
                saw=f"task.density_components={self.density_components}, {codes} train images",
                allowed=f"task.density_components={codes} or fewer, or more data",
            )
        network = Network(image_shape(self.side), architecture, bottleneck, nn.Identity(), decodes=True)
        network.add_output_head(self.side)
        return network

    def _nats(self, network: Network, code: Tensor, images: Tensor) -> Tensor:
        """-log p(x | z), summed over pixels [B]."""
        logits = network.decode(code, None, self.side)
        return F.binary_cross_entropy_with_logits(logits, images, reduction="none").flatten(1).sum(dim=1)

    def losses(self, network: Network, batch: Batch) -> Losses:
        images = bernoulli(batch.inputs) if network.training else batch.inputs
        code = network.encode(replace(batch, inputs=images))
        nats = reconstruction_nats(code, images, lambda z, seen: self._nats(network, z, seen))
        return Losses(nats, code.penalty)

    def validate(self, network: Network, batch: Batch) -> Outputs:
        code = network.encode(batch)
        if code.context.posterior is not None:
            nats = -self._log_weights(network, code, batch.inputs, 1)[0]
        else:
            nats = self._nats(network, code.code, batch.inputs)
        return {"nats": nats.double().cpu().numpy()}

    def reports(self) -> Sequence[str]:
        return [frechet.frechet_name(self.samples), "precision", "recall"]

    def reports_of_networks(self, config: Mapping[str, Any]) -> Sequence[str]:
        found = ["reconstruction_nats", "sharpness"]
        if any(term.says("posterior") for term in parts_of(config).terms):
            found += ["elbo", self.bound_name]
        return found

    def selects_by(self) -> Sequence[str]:
        return ["nats"]

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        """nats: -ELBO (one sample) of variational codes, else the reconstruction's, per image."""
        return {"nats": float(outputs["nats"].mean())}

    def _log_weights(self, network: Network, code: Coded, images: Tensor, k: int) -> Tensor:
        """log p(x, z_i) - log q(z_i | x) for k samples of each image [k, B]."""
        posterior, prior = code.context.posterior, code.context.prior
        assert posterior is not None
        assert prior is not None
        mean = posterior.mean
        at_once = max(1, ROWS_AT_ONCE // len(mean))
        weights = []
        for start in range(0, k, at_once):
            count = min(at_once, k - start)
            noise = torch.randn(count, *mean.shape, device=mean.device, dtype=mean.dtype)

            def nats(codes: Tensor, samples: int) -> Tensor:
                return self._nats(network, codes, images.expand(samples, *images.shape).flatten(0, 1))

            weights.append(log_weights(posterior, prior, noise, nats))
        return torch.cat(weights)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        code = network.encode(batch)
        nats = self._nats(network, code.code, batch.inputs)
        outputs = {
            "code": code.code.float().cpu().numpy(),
            "reconstruction_nats": nats.double().cpu().numpy(),
        }
        if code.context.posterior is not None:
            weights = self._log_weights(network, code, batch.inputs, self.importance_samples).double()
            bound = weights.logsumexp(dim=0) - math.log(len(weights))
            outputs |= {"elbo": weights.mean(dim=0).cpu().numpy(), self.bound_name: bound.cpu().numpy()}
        return outputs

    @property
    def bound_name(self) -> str:
        """The importance-weighted bound's name carries its number of samples."""
        return f"importance_bound_{self.importance_samples}"

    def finish(self, network: Network, collect: Collect, seed: int) -> Final:
        codes = self._encode_density(network)
        density = self.density(codes, seed)
        drawn = {"": density.sample(self.samples)[0]}
        final = Final()
        for split in ("validation", "test"):
            outputs = collect(split)
            if "elbo" in outputs:
                drawn["_prior"] = generator(seed, "prior").standard_normal((self.samples, codes.shape[1]))
            final.metrics[split] = {}
            samples = {suffix: self.draw(network, drawn_codes) for suffix, drawn_codes in drawn.items()}
            for suffix, images in samples.items():
                found = self.metrics({"samples": images}, split)
                final.metrics[split] |= {name + suffix: value for name, value in found.items()}
            final.predictions[split] = outputs
            means = {name: float(values.mean()) for name, values in outputs.items() if name != "code"}
            final.metrics[split] |= means
            self.measure_extra(final, {"samples": samples[""]}, split)
            blurred = self.draw(network, outputs["code"])
            final.metrics[split]["sharpness"] = sharpness(blurred, self.view(split).pixels)
            index = looked_at(self.counted(split))
            original = self.binary[split].pixels[index].flatten(1).numpy() / 255
            both = {"original": original, "reconstruction": blurred[index]}
            final.images = {name: to_look_at(images) for name, images in both.items()}
            for suffix, images in samples.items():
                final.images |= self.shown({"samples" + suffix: images}, split)
        return final

    def settle(self, network: Network, collect: Collect, seed: int) -> None:
        """Fit the mixture of train's codes, which samples are drawn from."""
        found = self.density(self._encode_density(network), seed)
        self.mixture = {"weights": found.weights_, "means": found.means_, "covariances": found.covariances_}

    def sampled(self, network: Network, count: int, seed: int) -> np.ndarray:
        """Images [count, side, side] in [0, 1] from codes of the mixture; with the trial's seed and its number of
        samples those of its final evaluation."""
        density = self._mixture(self.mixture["means"].shape[1], seed)
        density.weights_, density.means_ = self.mixture["weights"], self.mixture["means"]
        density.covariances_ = self.mixture["covariances"]
        return self.draw(network, density.sample(count)[0]).reshape(-1, self.side, self.side)

    def raw(self, inputs: Any) -> Raw:
        """Images [N, side, side] of uint8, or floats 0 to 1 -> their `reconstruction` [N, side, side], the pixels'
        probabilities, and `code` [N, Z]. They are binarised as the test images are; raises as `raw_images`."""
        pixels = raw_images(inputs, self.side)

        def told(network: Network, outputs: Outputs) -> Outputs:
            shown = self.draw(network, outputs["code"]).reshape(-1, self.side, self.side)
            return {"reconstruction": shown, "code": outputs["code"]}

        return Raw(
            [binarised(Images(pixels, torch.zeros(len(pixels))), "test").split()],
            told,
            lambda network, batch: {"code": network.encode(batch).code.float().cpu().numpy()},
        )

    def density(self, codes: np.ndarray, seed: int) -> "GaussianMixture":
        """The mixture fitted to codes [N, Z]; the same at every call with a seed."""
        return self._mixture(codes.shape[1], seed).fit(codes)

    def _mixture(self, width: int, seed: int) -> "GaussianMixture":
        """The mixture of codes of a width, which is yet to be fitted."""
        from sklearn.mixture import GaussianMixture

        covariances = "full" if width <= FULL_COVARIANCE else "diag"
        drawn = derive(seed, "density") % 2**32
        return GaussianMixture(self.density_components, covariance_type=covariances, reg_covar=1e-4, random_state=drawn)

    def _encode_density(self, network: Network) -> np.ndarray:
        """Mean codes of the train images that the density is fitted to [N, Z]."""
        device = next(network.parameters()).device
        split = self.splits["density"]
        with torch.inference_mode(), network.precision():
            batches = (split.batch(part).to(device) for part in torch.arange(len(split)).split(1024))
            codes = [network.encode(b).code.double().cpu() for b in batches]
        return torch.cat(codes).numpy()

    def draw(self, network: Network, codes: np.ndarray) -> np.ndarray:
        """Codes [n, Z] -> pixel probabilities [n, side^2]."""
        device = next(network.parameters()).device
        parts = torch.from_numpy(np.asarray(codes, np.float32)).split(1024)
        with torch.inference_mode(), network.precision():
            rows = [network.decode(p.to(device), None, self.side).sigmoid().flatten(1).float() for p in parts]
        return torch.cat(rows).cpu().numpy()

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """Fréchet distance, precision and recall of samples against the split's grey images."""
        samples = np.asarray(outputs["samples"])
        if split not in self.real_features:
            self.real_features[split] = frechet.features(self.view(split).pixels)
        real = self.real_features[split]
        drawn = frechet.features(samples)
        even = min(len(real), len(drawn))
        precision, recall = frechet.precision_recall(real[:even], drawn[:even])
        distance = frechet.frechet_distance(real, drawn)
        return {frechet.frechet_name(len(samples)): distance, "precision": precision, "recall": recall}

    def shown(self, outputs: Outputs, split: str) -> Outputs:
        return {name: to_look_at(images[spread_out(len(images))]) for name, images in outputs.items()}

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """The label and the scores."""
        labels = self.grey[split].labels.numpy()[index].tolist()
        return {"label": labels, **scores_of(predictions, index, self.counted(split))}

    def truth(self, split: str) -> np.ndarray:
        """The grey pixels [N, side^2] in [0, 1], which the samples are compared with as a whole."""
        return self.view(split).pixels

    def view(self, split: str) -> ImageView:
        return self.grey[split].view()
