"""What a model tells about itself: how it wants its images, how it computes, what comes out."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.inference import without_auxiliary


def preprocessing_of(model: keras.Model) -> Preprocessing | None:
    """The layer that makes the input of pixels; None: the model takes normalised images."""
    return next((layer for layer in model.layers if isinstance(layer, Preprocessing)), None)


def precision_of(model: keras.Model) -> str:
    """Name of the dtype policy in which activations are computed: that of the first convolution.

    The classifier is float32 under every policy. A model without a convolution: that of its first
    layer with weights.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.weights]
    leaves = [layer for layer in layers if not layer._flatten_layers(include_self=False)]
    convolutions = [layer for layer in leaves if isinstance(layer, keras.layers.Conv2D)]
    first = next(iter(convolutions or leaves), model)
    return first.dtype_policy.name


def stage_of(path: str) -> str:
    """The stage in a path such as `conv3_block1/conv1/kernel`: `conv3`, the paper's name; a layer
    that is in no unit is a stage of its own (`conv1`, `predictions`)."""
    return path.partition("/")[0].partition("_block")[0]


def train_last_stages(network: keras.Model, stages: int) -> None:
    """Freezes all but the classifier and so many stages before it.

    A frozen layer keeps its weights and, normalising as in inference, its statistics.

    Raises:
        InputError: the network has fewer.
    """
    names = list(dict.fromkeys(stage_of(layer.name) for layer in network.layers if layer.weights))
    if stages >= len(names):
        raise InputError(
            f"train_stages must be at most {len(names) - 1}, the stages of {network.name} "
            f"({', '.join(names[:-1])}). Received: {stages}"
        )
    trained = names[len(names) - 1 - stages :]
    for layer in network.layers:
        layer.trainable = stage_of(layer.name) in trained


def gives_probabilities(model: keras.Model) -> bool:
    """Whether the last layer ends in a softmax, and not in logits.

    Raises:
        InputError: it ends in another activation.
    """
    model = without_auxiliary(model)
    last = getattr(model, "operations", model.layers)[-1]  # Functional models have operations
    if isinstance(last, keras.Model):
        return gives_probabilities(last)
    # Softmax and ReLU are also layers, and operations, called as their functions.
    own = getattr(keras.activations, type(last).__name__.lower(), None)
    activation = getattr(last, "activation", own)
    if activation not in (None, keras.activations.linear, keras.activations.softmax):
        name = getattr(activation, "__name__", activation)
        raise InputError(
            f"a classifier must give logits or softmax probabilities: {model.name} ends in another "
            f"activation. Received: {name}"
        )
    return activation is keras.activations.softmax
