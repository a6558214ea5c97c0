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
