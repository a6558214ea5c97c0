"""Faster networks for inference, with the same outputs."""

from collections.abc import Sequence

import keras
from keras import layers

from tfresnet.errors import InputError
from tfresnet.layers import Logits, OwnLayer

_CLASSIFIER = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Dropout)
_CLASSIFIER += (layers.Dense, layers.Activation, layers.Softmax, Logits)


def without_auxiliary(network: keras.Model) -> keras.Model:
    """`network` with the same layers, without the auxiliary classifiers for training."""
    if len(getattr(network, "outputs", ())) < 2:
        return network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)


def of_any_size(model: keras.Model, smallest: int) -> keras.Model:
    """`model` with the same layers for square images of any side, at least `smallest` pixels.

    Raises:
        ValueError: a layer needs one size, or the smallest image leaves it no pixel.
    """
    for side in (smallest, None):  # Keras checks the first size, and cannot check None
        images = keras.Input((side, side, model.input_shape[-1]), name=model.inputs[0].name)
        view = keras.models.clone_model(model, images, clone_function=lambda layer: layer)
    return view


def inference_copy(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """A copy of `model` with every batch normalisation folded into the convolution before it.

    The copy has only the first output. Do not train or save it.

    Args:
        model: any model. One that is not Functional is returned as it is. So is, if `dtype` is
            None, one with nothing to fold or with a network that only its own code can make.
        dtype: dtype policy of the copy, except its float32 classifier; None: that of `model`.

    Source: Jacob et al., 2017, https://arxiv.org/abs/1712.05877, section 3.2.
    """
    if not hasattr(model, "operations"):  # only Functional models have this list
        return model
    model = without_auxiliary(model)
    folds = any(getattr(layer, "conv_bn_pairs", ()) for layer in model._flatten_layers())
    own = [layer.dtype_policy.name for layer in model.layers if isinstance(layer, OwnLayer)]
    if (own or not folds) and (dtype is None or own == [dtype]):
        return model
    if own:
        raise InputError(
            f"{model.name} must compute in {own[0]}: only its code can make it anew. "
            f"Received: {dtype}"
        )
    classifier = classifier_layers(model.layers)

    def copy_layer(layer):
        config = layer.get_config()
        if dtype and not isinstance(layer, layers.InputLayer):
            config["dtype"] = "float32" if layer in classifier else dtype
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copy_layer)
    refold(copy, model)
    return copy


def refold(copy: keras.Model, model: keras.Model) -> None:
    """Gives `copy`, made by `inference_copy`, the present weights of `model`."""
    if copy is model:
        return
    for own, weight in zip(copy.weights, without_auxiliary(model).weights, strict=True):
        own.assign(weight)
    for layer in copy._flatten_layers():
        for conv, bn in getattr(layer, "conv_bn_pairs", ()):
            if bn is not None:
                bn.fold_into(conv)


def classifier_layers(in_order: Sequence[keras.Layer]) -> list[keras.Layer]:
    """The last of some layers: the last dense layer, what follows it, and the global pooling."""
    found, dense = [], 0
    for layer in reversed(in_order):
        dense += isinstance(layer, layers.Dense)
        if dense > 1 or not isinstance(layer, _CLASSIFIER):
            break
        found.append(layer)
    return found
