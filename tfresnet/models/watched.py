"""A warning for whoever normalises images for a network that does it itself."""

import functools

import keras

from tfresnet.models.inspection import preprocessing_of

_TAKE_IMAGES = ("fit", "evaluate", "predict")
_TAKE_IMAGES += tuple(f"{what}_on_batch" for what in ("train", "test", "predict"))


def watched(model: keras.Model) -> keras.Model:
    """`model`, whose methods look at arrays of images before its graph hides their values."""
    preprocessing = preprocessing_of(model)
    for name in _TAKE_IMAGES if preprocessing else ():
        setattr(model, name, _watched(getattr(model, name), preprocessing))
    return model


def _watched(method, preprocessing):
    @functools.wraps(method)
    def call(x=None, *args, **kwargs):
        preprocessing.warn_if_normalised(x)
        return method(x, *args, **kwargs)

    return call
