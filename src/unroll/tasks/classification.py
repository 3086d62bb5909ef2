"""Classification: an image in, read row by row or pixel by pixel, a class out (many-to-one)."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.profile import class_counts, require_classes
from unroll.data.splits import Batch, SequenceSplit
from unroll.errors import UserError
from unroll.models.contracts import Shape
from unroll.models.network import Network
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.seeds import generator
from unroll.tasks.baselines.views import ImageView
from unroll.tasks.classifier import Classifier
from unroll.tasks.compression import image_shape, image_splits
from unroll.tasks.likelihoods import Likelihood, PixelLikelihood, PixelOutput
from unroll.tasks.pretraining import PretrainingOptions
from unroll.tasks.task import Outputs

Order = Literal["rows", "pixels", "permuted"]


class Classification(Classifier):
    """Classify images. Loss: cross-entropy in nats an example.

    Args:
        order: rows (MNIST: 28 steps of 28 values) | pixels (784 steps of one, in scan order) | permuted (the same 784
            steps in one order, fixed for all trials): the two last as in Le, Jaitly, Hinton 2015, section 4.2.
        chunk: pixels that are read together, in the orders by pixel: 784 / chunk steps of chunk values.
        dropout: on the code.
        reconstruction_weight: of the pixels' nats (sum over an image) where the architecture reconstructs.
        likelihood: of the pixels: gaussian (one scale) | bernoulli (binary cross-entropy with grey values).
        output: what turns the decoder's values into pixels: sigmoid | linear (gaussian only).
        scale: of gaussian pixels; None: learned.
        protocol: joint | pretrain (the autoencoder first, then a classifier on its code).
        pretrain_share: of the budget's steps that pretrain.
        pretrain_steps: those steps themselves, instead of a share.
        frozen: whether the pretrained code stays as it is, or is fine-tuned.

    Raises:
        UserError: an unknown order or likelihood, or a chunk that has no effect or does not divide the image.
    """

    def __init__(
        self,
        order: Order,
        dropout: Share,
        reconstruction_weight: NotNegative,
        phases: PretrainingOptions,
        chunk: Count = 1,
        likelihood: Likelihood = "gaussian",
        output: PixelOutput = "sigmoid",
        scale: Positive | None = None,
    ):
        if order == "rows" and chunk > 1:
            saw = f"task.chunk={chunk} with task.order={order}"
            raise UserError(
                "Pixels are read in chunks where the order is by pixel.", saw=saw, allowed="task.order=pixels, permuted"
            )
        self.order, self.chunk, self.dropout = order, chunk, dropout
        self.reconstruction_weight, self.likelihood = reconstruction_weight, PixelLikelihood(likelihood, output, scale)
        self.pretraining = phases.pretraining()

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        """The classes are those of train."""
        images = image_splits(examples, 1.0)
        self.side = images["test"].pixels.shape[1]
        if self.side**2 % self.chunk:
            saw = f"task.chunk={self.chunk} of {self.side**2} pixels"
            raise UserError("Chunks of pixels must divide the image.", saw=saw, allowed="1, 2, 4, 7, 14, ... of 784")
        order = np.arange(self.side**2)
        if self.order == "permuted":
            order = generator(0, "pixel order").permutation(order)
        self.places = torch.from_numpy(order)
        self.splits = {}
        for name, split in images.items():
            rows = torch.from_numpy(train_share(len(split), data["fraction"] if name == "train" else 1.0))
            self.splits[name] = SequenceSplit(split.pixels[rows], split.labels[rows], self._sequences)
        labels = {name: class_counts(split.targets.numpy()) for name, split in self.splits.items()}
        require_classes(labels, data["fraction"])
        self.classes = int(self.splits["train"].targets.max()) + 1

    def _sequences(self, pixels: Tensor) -> Tensor:
        """Grey values [B,H,W] of uint8 -> steps [B,T,D] in [0, 1]."""
        if self.order == "rows":
            return pixels.float().div_(255)
        return pixels.flatten(1)[:, self.places].unflatten(1, (-1, self.chunk)).float().div_(255)

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Steps -> code -> class; with reconstruction also code -> steps."""
        shape = image_shape(self.side)
        if self.order != "rows":
            pixels, width = self.side**2, self.chunk
            steps = pixels // width
            shape = Shape(
                input_width=width,
                max_length=steps,
                output_width=width,
                output_length=steps,
                reference_code=pixels,
                own_input=True,
            )
        decodes = self.decodes(architecture)
        network = Network(shape, architecture, bottleneck, nn.Identity(), decodes)
        self.add_classifier(network)
        if decodes:
            network.add_output_head(shape.output_width)
            self.likelihood.add_head(network)
        return network

    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        return self.likelihood.nats(network, network.decode(code, None, batch.inputs.shape[1]), batch.inputs)

    def reports(self) -> dict[str, str]:
        return {"error": "lower", **super().reports()}

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """error, accuracy, macro_f1 and ece in per cent, nll in nats an image."""
        found = super().metrics(outputs, split)
        return {"error": 100 - found["accuracy"], **found}

    def truth(self, split: str) -> np.ndarray:
        labels: np.ndarray = self.splits[split].targets.numpy()
        return labels

    def view(self, split: str) -> ImageView:
        """Images as baselines see them, whatever the order of reading: [N, pixels] in [0, 1], in scan order."""
        return ImageView(self.splits[split].kept.flatten(1).float().div_(255).numpy(), self.truth(split))
