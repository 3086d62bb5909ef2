"""Features of a split's examples, for geometry: values as they are, text as TF-IDF reduced by SVD."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unroll.data.splits import Split

TOPICS = 50  # dimensions that TF-IDF is reduced to


def features(split: Split, index: Tensor) -> np.ndarray:
    """Features [N,F] of the examples at index [N]: pixels; values of the steps; TF-IDF of tokens, reduced by SVD."""
    parts = [split.batch(part) for part in index.split(1024)]
    if parts[0].inputs.is_floating_point():
        longest = max(part.inputs.shape[1] for part in parts)
        padded = [F.pad(part.inputs, (0, 0, 0, longest - part.inputs.shape[1])) for part in parts]
        return torch.cat(padded).flatten(1).double().numpy()
    rows = [ids[:length].numpy() for part in parts for ids, length in zip(part.inputs, part.lengths, strict=True)]
    return _topics(rows)


def _topics(rows: list[np.ndarray]) -> np.ndarray:
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfTransformer

    places = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    ids = np.concatenate(rows)
    counts = csr_matrix((np.ones(len(ids)), (places, ids)))
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    size = min(TOPICS, min(weighted.shape) - 1)
    return TruncatedSVD(size, random_state=0).fit_transform(weighted)
