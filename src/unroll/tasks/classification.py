"""Classification: an image in, read row by row or pixel by pixel, a class out (many-to-one)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from unroll.data.batching import train_share
from unroll.data.examples import Examples
from unroll.data.fields import Dense
from unroll.data.profile import class_counts, require_classes
from unroll.data.splits import Batch, Split
from unroll.errors import UserError
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Network
from unroll.records.looked_at import looked_at
from unroll.registry.metric import CORRECT, Metric, percentage
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.seeds import generator
from unroll.tasks.baselines.views import ImageView
from unroll.tasks.classifier import Classifier, names_of_classes
from unroll.tasks.compression import image_shape, images_of
from unroll.tasks.likelihoods import Likelihood, PixelLikelihood, PixelOutput
from unroll.tasks.pretraining import PretrainingOptions
from unroll.tasks.raw import Raw, raw_images
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

    known_metrics: ClassVar[tuple[Metric, ...]] = (
        percentage("error", "lower", score=CORRECT.model_copy(update={"factor": -100, "offset": 100})),
        *Classifier.known_metrics,
    )
    learned = ("side", "places", "classes", "class_names")
    ways: ClassVar[tuple[str, ...]] = ("order", "chunk", "protocol")
    relation: ClassVar[Relation] = "same"

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
        images = images_of(examples)
        self.side = images["test"].pixels.shape[1]
        if self.side**2 % self.chunk:
            saw = f"task.chunk={self.chunk} of {self.side**2} pixels"
            raise UserError("Chunks of pixels must divide the image.", saw=saw, allowed="1, 2, 4, 7, 14, ... of 784")
        order = np.arange(self.side**2)
        if self.order == "permuted":
            order = generator(0, "pixel order").permutation(order)
        self.places = torch.from_numpy(order)
        self.splits, self.pixels = {}, {}
        for name, (pixels, labels) in images.items():
            rows = torch.from_numpy(train_share(len(pixels), data["fraction"] if name == "train" else 1.0))
            self.pixels[name] = pixels[rows]
            self.splits[name] = Split(Dense(self._ordered(self.pixels[name]), self._sequences), Dense(labels[rows]))
        require_classes({name: class_counts(self.truth(name)) for name in self.splits}, data["fraction"])
        self.classes = int(self.truth("train").max()) + 1
        self.class_names = names_of_classes(data)

    def _ordered(self, pixels: Tensor) -> Tensor:
        """Grey values [N,H,W] in the order in which they are read [N,T,D]."""
        if self.order == "rows":
            return pixels
        flat = pixels.flatten(1)
        return (flat if self.order == "pixels" else flat[:, self.places]).unflatten(1, (-1, self.chunk))

    def _sequences(self, pixels: Tensor) -> Tensor:
        """Grey values [B,T,D] of uint8 -> steps in [0, 1]."""
        return pixels.float().div_(255)

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Steps -> code -> class; with reconstruction also code -> steps."""
        shape = image_shape(self.side)
        if self.order != "rows":
            pixels, width = self.side**2, self.chunk
            steps = pixels // width
            shape = Shape(
                input=Side(width, steps), output=Side(width, steps), reference_code=pixels, relation=self.relation
            )
        decodes = self.decodes(architecture)
        network = Network(shape, architecture, bottleneck, nn.Identity(), decodes)
        self.add_classifier(network)
        if decodes:
            network.add_output_head(shape.output.width)
            self.likelihood.add_head(network)
        return network

    def raw(self, inputs: Any) -> Raw:
        """Images [N, side, side] of uint8, or floats 0 to 1 -> `label` and `probabilities`; raises as `raw_images`."""
        return self.labelled(Split(Dense(self._ordered(raw_images(inputs, self.side)), self._sequences)))

    def reconstruction(self, network: Network, code: Tensor, batch: Batch) -> Tensor:
        return self.likelihood.nats(network, network.decode(code, None, batch.inputs.shape[1]), batch.inputs)

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """error, accuracy, macro_f1 and ece in per cent, nll in nats an image."""
        found = super().metrics(outputs, split)
        return {"error": 100 - found["accuracy"], **found}

    def shown(self, outputs: Outputs, split: str) -> Outputs:
        """The images that are looked at, whatever the order of reading."""
        return {"inputs": self.pixels[split][looked_at(self.counted(split))].numpy()}

    def view(self, split: str) -> ImageView:
        """Images as baselines see them, whatever the order of reading: [N, pixels] in [0, 1], in scan order."""
        return ImageView(self.pixels[split].flatten(1).float().div_(255).numpy(), self.truth(split))
