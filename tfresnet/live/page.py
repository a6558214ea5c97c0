"""Puts trained networks, pictures and the scripts that run them into one HTML page."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from tfresnet import models
from tfresnet.data import load_dataset
from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, ConvBN, IdentityBlock, PlainBlock, ProjectionBlock
from tfresnet.predict.classifier import Classifier, load, seen_by
from tfresnet.system.atomic import atomic_write

FILES = Path(__file__).parent
LARGEST = 600_000  # parameters of all networks: a page under 3 MB
_UNITS = {IdentityBlock: "identity", PlainBlock: None, ProjectionBlock: "projection"}


def write(sources: Sequence[str], pictures: Sequence[str], file: str | Path) -> Path:
    """Writes the page of `sources`, each a run, a `.keras` file or a shipped name.

    Raises:
        InputError: a network that the page cannot run, networks of other classes or sizes, or a
            file that is no picture.
    """
    classifiers = [load(source) for source in sources]
    first = classifiers[0]
    facts = {(one.class_names, one.image_size) for one in classifiers}
    parameters = sum(one.model.count_params() for one in classifiers)
    if len(facts) > 1 or parameters > LARGEST:
        raise InputError(
            f"the networks of a page must have the same classes and image size, and {LARGEST:,} "
            f"parameters together. Received: {', '.join(map(str, sources))} ({parameters:,})"
        )
    shown = [seen_by(picture, first.image_size) for picture in pictures] or _drawn(first)
    content = {
        "classes": first.class_names,
        "side": first.image_size,
        "pictures": [_png(picture) for picture in shown],
        "networks": [_describe(one) for one in classifiers],
    }
    with atomic_write(Path(file)) as path:
        path.write_text(_page(content), encoding="utf-8")
    return Path(file)


def _drawn(classifier):
    """One picture of each class of shapes10, if the network knows these."""
    shapes = load_dataset("shapes10")
    if classifier.class_names != shapes.class_names:
        return []
    _, places = np.unique(shapes.test.labels, return_index=True)
    return [*shapes.test.images[places]]


def _png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _page(content):
    page = (FILES / "page.html").read_text(encoding="utf-8")
    parts = {name: (FILES / name).read_text(encoding="utf-8") for name in _parts()}
    # "</" would end the script early.
    parts["content"] = json.dumps(content, ensure_ascii=False).replace("</", r"<\/")
    for name, text in parts.items():
        page = page.replace(f"/* {name} */", text)
    return page


def _parts():
    return ("page.css", "network.js", "page.js")


class _Weights:
    """Arrays one after the other, each known by its place."""

    def __init__(self):
        self._arrays, self._size = [], 0

    def add(self, array: np.ndarray) -> int:
        place = self._size
        self._arrays.append(np.ravel(array).astype("<f4"))
        self._size += len(self._arrays[-1])
        return place

    def text(self) -> str:
        return base64.b64encode(np.concatenate(self._arrays).tobytes()).decode()


def _describe(classifier: Classifier) -> dict:
    """The network as `network.js` reads it, with batch normalisation folded into convolutions."""
    model, weights = models.without_auxiliary(classifier.model), _Weights()
    preprocessing = models.preprocessing_of(model)
    layers = [layer for layer in model.layers if layer.weights]
    if not (preprocessing and _can_run(layers)):
        raise InputError(
            "a page can run networks of small images, made of residual or plain units with a "
            f"convolution before them and a dense layer behind. Received: {model.name}"
        )
    stem, *units, dense = layers
    return {
        "name": model.name,
        "parameters": model.count_params(),
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "stem": _convolution(stem.conv, stem.bn, weights),
        "units": [_unit(unit, weights) for unit in units],
        "dense": {"kernel": weights.add(dense.kernel), "bias": weights.add(dense.bias)},
        "weights": weights.text(),
    }


def _can_run(layers):
    stem, *units, dense = layers
    return (
        isinstance(stem, ConvBN)
        and stem.conv.strides == (1, 1)
        and isinstance(dense, keras.layers.Dense)
        and dense.units > 1
        and all(type(unit) in _UNITS for unit in units)
    )


def _unit(unit, weights):
    shortcut = _UNITS[type(unit)]
    if shortcut == "projection":
        shortcut = _convolution(unit.shortcut_conv, unit.shortcut_bn, weights)
    return {
        "name": unit.name,
        "stride": unit.strides,
        "channels": unit.out_channels,
        "branch": [_convolution(*pair, weights) for pair in unit.branch_pairs()],
        "shortcut": shortcut,
    }


def _convolution(conv: keras.layers.Conv2D, bn: BatchNormalization, weights: _Weights) -> dict:
    deviation = np.sqrt(np.float64(bn.moving_variance) + bn.epsilon)
    scale = np.float64(bn.gamma) / deviation
    bias = np.float64(bn.beta) - np.float64(bn.moving_mean) * scale
    return {
        "shape": list(conv.kernel.shape),
        "stride": conv.strides[0],
        "kernel": weights.add(np.float64(conv.kernel) * scale),
        "bias": weights.add(bias),
    }
