"""Makes a model of another program take pixels."""

import keras

from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing


def preparing(model: keras.Model, preprocessing: Preprocessing) -> keras.Model:
    """A copy of `model` behind the preprocessing of its images."""
    images = keras.Input(model.input_shape[1:], name="images")
    prepared = preprocessing(images)

    def call(layer, *args, **kwargs):
        args = keras.tree.map_structure(lambda x: prepared if x is images else x, args)
        return layer(*args, **kwargs)

    if isinstance(model, keras.Sequential):
        outputs = prepared
        for layer in model.layers:
            outputs = type(layer).from_config(layer.get_config())(outputs)
        copy = keras.Model(images, outputs, name=model.name)
    elif hasattr(model, "operations"):  # it is Functional
        copy = keras.models.clone_model(model, images, call_function=call)
    else:
        return keras.Model(images, model(prepared), name=model.name)
    copy.set_weights(model.get_weights())
    return copy


def swap_colours(model: keras.Model) -> None:
    """Makes a model that takes BGR images take RGB images.

    Raises:
        InputError: it does not begin with a convolution of three channels.
    """
    first = next(iter(model.weights), None)
    if first is None or len(first.shape) != 4 or first.shape[2] != 3:
        raise InputError(
            "pixels=caffe needs a model that begins with a convolution of three channels. "
            f"Received: {model.name}"
        )
    first.assign(first.numpy()[:, :, ::-1])
