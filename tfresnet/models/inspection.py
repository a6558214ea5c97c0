"""Properties of a model: its preprocessing, precision, stages and kind of output."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.inference import without_auxiliary

IMAGENET = 224  # the side of the images that most trained networks were shown


def preprocessing_of(model: keras.Model) -> Preprocessing | None:
    """The model's preprocessing layer; None: it takes normalised images."""
    return next((layer for layer in model.layers if isinstance(layer, Preprocessing)), None)


def picture_side(model: keras.Model) -> int:
    """Side in pixels of the pictures that a model is shown; 224 if it takes images of any size.

    Raises:
        InputError: it takes images that are not square.
    """
    shape = model.input_shape
    if len(shape) != 4 or shape[1] != shape[2]:
        raise InputError(f"a model must take square pictures. Received: input {shape}")
    return shape[1] or IMAGENET


def precision_of(model: keras.Model) -> str:
    """Name of the dtype policy of the first convolution, or else of the first layer with weights.

    The classifier does not count: it is float32 under every policy.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.weights]
    leaves = [layer for layer in layers if not layer._flatten_layers(include_self=False)]
    convolutions = [layer for layer in leaves if isinstance(layer, keras.layers.Conv2D)]
    first = next(iter(convolutions or leaves), model)
    return first.dtype_policy.name


def stage_of(path: str) -> str:
    """The paper's stage of a path: `conv3` of `conv3_block1/conv1/kernel`. A layer outside the
    units is its own stage (`conv1`, `predictions`)."""
    return path.partition("/")[0].partition("_block")[0]


def train_last_stages(network: keras.Model, stages: int) -> None:
    """Freezes all layers except the classifier and the last `stages` stages.

    A frozen layer keeps its weights and its statistics: it normalises as in inference.

    Raises:
        InputError: the network has fewer stages.
    """
    names = list(dict.fromkeys(stage_of(layer.name) for layer in network.layers if layer.weights))
    if stages and len(names) < 2:
        raise InputError(
            f"transfer must be all: {network.name} is a network of your own whose layers cannot be "
            "told apart (set `trainable = False` in its code). Received: 'last'"
        )
    if stages >= len(names):
        known = f"{len(names) - 1}, the stages of {network.name} ({', '.join(names[:-1])})"
        raise InputError(f"train_stages must be at most {known}. Received: {stages}")
    trained = names[len(names) - 1 - stages :]
    for layer in network.layers:
        layer.trainable = stage_of(layer.name) in trained


def gives_probabilities(model: keras.Model) -> bool:
    """Whether the model ends in a softmax; False: in logits.

    Raises:
        InputError: it ends in another activation.
    """
    model = without_auxiliary(model)
    last = getattr(model, "operations", model.layers)[-1]  # only Functional models have operations
    if isinstance(last, keras.Model):
        return gives_probabilities(last)
    # Softmax and ReLU may be layers or operations, with the names of the activation functions.
    own = getattr(keras.activations, type(last).__name__.lower(), None)
    activation = getattr(last, "activation", own)
    if activation not in (None, keras.activations.linear, keras.activations.softmax):
        rule = f"the classifier of {model.name} must give logits or softmax probabilities"
        raise InputError(f"{rule}. Received: {getattr(activation, '__name__', activation)}")
    return activation is keras.activations.softmax
