"""All networks by name."""

import dataclasses
import fnmatch
import logging
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.network import CIFAR, Network, global_pool
from tfresnet.models.watched import watched
from tfresnet.models.weights import Weights, read_weights
from tfresnet.settings.model_names import check_model_name
from tfresnet.settings.values import natural_order, whole_number

SMALL_IMAGE = 64  # pixels; up to this side an ImageNet stem leaves too few of them
_NETWORKS: dict[str, dict[str, Network]] = {}
logger = logging.getLogger("tfresnet")


def register(name: str, imagenet: Network, cifar: Network | None = None, **others: Network) -> None:
    """Adds a network: its row for photographs and its row for images as small as CIFAR's.

    Without `cifar`, one row serves both stems. `others` are rows by the name of their stem.
    """
    if name in _NETWORKS:
        raise ValueError(f"name must be new to the registry. Received: {name!r}")
    _NETWORKS[name] = {"imagenet": imagenet, "cifar": cifar or imagenet} | others


def list_models(pattern: str = "*") -> list[str]:
    """Names that match a shell pattern such as "resnet*", numbers in natural order."""
    return sorted(fnmatch.filter(_NETWORKS, pattern), key=natural_order)


def image_side(name: str, stem: str = "auto") -> int:
    """Side of the images, in pixels, that the network is built for by default."""
    if stem.startswith("cifar"):
        return CIFAR["input_shape"][0]
    return _NETWORKS[name][_choose_stem(name, "auto", None)].input_shape[0]


def has_auxiliary(name: str) -> bool:
    """Whether the network takes `auxiliary=True`, for auxiliary classifiers."""
    return name in _NETWORKS and "auxiliary" in _NETWORKS[name]["imagenet"].OPTIONS


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | Path | Weights | None = None,
    dtype: str | None = None,
    preprocessing: Preprocessing | str | None = "auto",
    stem: str = "auto",
    **options,
) -> keras.Model:
    """A network as a Functional model with one layer per unit.

    Args:
        name: one of `list_models()`.
        num_classes: by default those of the weights, or the paper's: 1000, or 10 for the networks
            of CIFAR-10.
        input_shape: (height, width, channels), by default the paper's. A side may be None if the
            network takes images of any size.
        include_top: False ends the network in feature maps, with `pooling` "avg", "max" or None.
        classifier_activation: of the last layer, such as "softmax"; None: logits, whose loss is
            `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.
        weights: a run, a file or a shipped name (see `read_weights`); None: fresh weights. A
            classifier for other classes keeps its fresh weights. Options that are not given are
            those that the names of the weights show.
        dtype: dtype policy of all but the float32 classifier; None: Keras' global policy.
        preprocessing: turns pixels 0..255 into the input; None: it takes normalised images.
            "auto": that of the weights, or None if they do not say.
        stem: "imagenet", "cifar", for some networks "cifar_pool", or "auto": that of the weights of
            another library, or "cifar" for images of up to 64 pixels. Each network's file
            describes its stems.
        **options: of some networks only: see `OPTIONS` in their files.

    Shapes: `(batch, height, width, channels)` to `(batch, num_classes)`, float32. With
    `auxiliary=True` the outputs are a list that starts with the main one.

    Raises:
        InputError: an unknown name (the message suggests similar ones), option, or value.
    """
    check_model_name(name, list_models())
    _check_dtype(dtype)
    if weights is not None and not isinstance(weights, Weights):
        weights = read_weights(weights, name)
    if weights:
        options = options_for(name, weights, stem=stem, **options)
        stem = options.pop("stem")
        num_classes = weights.num_classes if num_classes is None else num_classes
        if input_shape is None and stem.startswith("cifar"):
            input_shape = CIFAR["input_shape"]
    stem = _choose_stem(name, stem, input_shape)
    row = _NETWORKS[name][stem]
    if num_classes is None:
        num_classes = row.num_classes
    fields = {"name": name, "stem": stem, "include_top": include_top, "dtype": dtype}
    fields["num_classes"] = whole_number("num_classes", num_classes)
    fields["input_shape"] = row.input_shape if input_shape is None else input_shape
    fields["classifier_activation"] = classifier_activation
    network = dataclasses.replace(row, **fields).with_options(**options)
    images = network.images()
    if preprocessing == "auto":
        preprocessing = _brought(weights, network.num_classes if include_top else None)
    x = images if preprocessing is None else preprocessing(images)
    maps, *auxiliary = keras.tree.flatten(network.features(x))
    outputs = network.head(maps) if include_top else global_pool(maps, pooling)
    model = keras.Model(images, [outputs, *auxiliary] if auxiliary else outputs, name=name)
    return watched(weights.fill(model) if weights else model)


def options_for(name: str, weights: Weights, **given) -> dict[str, object]:
    """Options of `create_model` that fit the weights. Those that are `given` come first, then those
    that the names of the weights show. It warns if no name shows what matters."""
    given = {option: value for option, value in given.items() if value != "auto"}
    check_model_name(name, list_models())
    row = _NETWORKS[name]["imagenet"]
    shown = {"stem": "auto"}
    for option, value in weights.options.items():
        own = getattr(row, option) if option in row.OPTIONS else None
        if option == "stem" or own not in (None, value):
            shown[option] = value
    if weights.may_pool and "stem" not in given:
        logger.warning(
            "%s does not say whether max pooling follows its 3x3 stem: this network has none (stem="
            "cifar_pool has it)",
            weights.source,
        )
    return shown | given


def _brought(weights, num_classes):
    """The preprocessing of the weights, with the class names if the network has these classes."""
    own = weights.preprocessing if weights else None
    if weights and own is None and weights.library == "keras.applications":
        logger.warning(
            "%s does not say how its pixels are prepared: this network takes images prepared as in "
            "its training (or read_weights(..., pixels=...) prepares them)",
            weights.source,
        )
    if own is None:
        return None
    names = own.class_names if len(own.class_names) == num_classes else ()
    return Preprocessing(own.mean, own.std, names)


def _check_dtype(dtype):
    try:
        keras.dtype_policies.get(dtype or "float32")
    except (TypeError, ValueError) as error:
        rule = "dtype must name a dtype policy, such as 'mixed_bfloat16'"
        raise InputError(f"{rule}. Received: {dtype!r}") from error


def _choose_stem(name, stem, input_shape):
    rows = _NETWORKS[name]
    if stem not in ("auto", *rows):
        known = ", ".join(map(repr, ("auto", *rows)))
        raise InputError(f"stem of {name} must be one of {known}. Received: {stem!r}")
    if stem != "auto":
        return stem
    for shape in (input_shape or (), rows["imagenet"].input_shape):
        sides = [side for side in shape[:2] if hasattr(side, "__index__")]
        if sides and max(sides) <= SMALL_IMAGE:
            return "cifar"
    return "imagenet"
