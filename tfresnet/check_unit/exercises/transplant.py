"""Exercise 7: trained weights, copied into one's own resnet20."""

import functools
from collections.abc import Iterator

import keras
import numpy as np

from tfresnet import pretrained
from tfresnet.check_unit.exercises.judging import Criterion, Finding, function, shape_finding
from tfresnet.check_unit.exercises.layers import is_close
from tfresnet.check_unit.mistakes import override, variants
from tfresnet.data import cifar10, shapes10
from tfresnet.layers import BatchNormalization
from tfresnet.models.files import load_model

MEAN, STD = cifar10.MEAN, cifar10.STD
_FEW, _MANY = 16, 1000
_TOLERANCE = 0.005  # of the accuracy


@functools.cache
def _shipped():
    """The shipped resnet20 without its preprocessing."""
    model = load_model(pretrained.find("resnet20"))
    return keras.Model(model.get_layer("preprocessing").output, model.output)


def trained_weights() -> dict[str, np.ndarray]:
    """The weights of the shipped resnet20 by their path, such as `conv2_block1/conv1/kernel`."""
    return {weight.path: np.array(weight) for weight in _shipped().weights}


@functools.cache
def _test_pictures():
    """(pictures, labels) of CIFAR-10's test, if it lies here; else drawn shapes, and None."""
    if not cifar10.is_here():
        return shapes10.load().test.images, None
    test = cifar10.load().test
    return test.images, test.labels


def prepare(pixels, mean=MEAN, std=STD):
    return (np.asarray(pixels, np.float32) / 255 - np.float32(mean)) / np.float32(std)


def _pictures(rng):
    """Pixels in this order: rows of a picture, then red, green, blue."""
    return [(rng.integers(0, 256, (3, 32, 32, 3), np.uint8),)]


def _classify(name, points, count, judge):
    def calls(rng):
        chosen = rng.permutation(len(_test_pictures()[0]))[:count]
        arguments = (trained_weights(), _test_pictures()[0][np.sort(chosen)])
        return {name: ("call", "classify", arguments)}

    return Criterion(name, points, calls, judge)


def _judge_logits(calls, answers):
    got, pixels = answers["logits"]["0"], calls["logits"][2][1]
    model = _shipped()
    if found := shape_finding(got.shape, (len(pixels), 10)):
        return found
    if is_close(got, np.asarray(model(prepare(pixels)))):
        return None
    if not np.isfinite(got).all():
        return Finding("not finite")
    # All of them, so that the network is whole again at the end.
    found = [key for key, logits in _wrong(model, pixels) if is_close(got, np.asarray(logits))]
    return Finding(found[0] if found else "unknown mistake")


def _wrong(model: keras.Model, pixels: np.ndarray) -> Iterator[tuple[str, object]]:
    """Key of each known mistake, and the logits that it gives."""
    clean = prepare(pixels)
    yield "raw pixels", model(np.float32(pixels))
    yield "scaled only", model(np.float32(pixels) / 255)
    yield "blue first", model(prepare(pixels[..., ::-1]))
    layers = model._flatten_layers()
    kinds = (BatchNormalization, keras.layers.Conv2D)
    norms, convs = ([layer for layer in layers if isinstance(layer, kind)] for kind in kinds)
    with override(norms, {"epsilon": 1e-3}):
        yield "epsilon", model(clean)
    stock = {"convolution_op": keras.layers.Conv2D.convolution_op}
    with override([conv for conv in convs if max(conv.strides) > 1], stock, bind=True):
        yield "padding", model(clean)
    kept = model.get_weights()
    for key, change in _OTHER_WEIGHTS.items():
        for norm in norms:
            change(norm)
        yield key, model(clean)
        model.set_weights(kept)
    yield "training", model(clean, training=True)
    model.set_weights(kept)
    for words in variants(model):
        yield words, model(clean)


def _exchange_scale(norm):
    gamma, beta = np.array(norm.gamma), np.array(norm.beta)
    norm.gamma.assign(beta)
    norm.beta.assign(gamma)


def _forget_averages(norm):
    norm.moving_mean.assign(np.zeros(norm.moving_mean.shape))
    norm.moving_variance.assign(np.ones(norm.moving_variance.shape))


_OTHER_WEIGHTS = {
    "gamma and beta": _exchange_scale,
    "no averages": _forget_averages,
}


def _judge_accuracy(calls, answers):
    pixels = calls["accuracy"][2][1]
    got = answers["accuracy"]["0"]
    if found := shape_finding(got.shape, (len(pixels), 10)):
        return found
    ours = np.argmax(_shipped().predict(prepare(pixels), verbose=0), axis=-1)
    images, labels = _test_pictures()
    if labels is None:
        found, least = np.mean(got.argmax(-1) == ours), 1.0
    else:
        place = {picture.tobytes(): label for picture, label in zip(images, labels, strict=True)}
        truth = np.array([place[picture.tobytes()] for picture in pixels])
        found, least = np.mean(got.argmax(-1) == truth), np.mean(ours == truth)
    if found >= least - _TOLERANCE:
        return None
    return Finding("accuracy", {"got": f"{100 * found:.1f}", "expected": f"{100 * least:.1f}"})


CRITERIA = {
    7: (
        function(
            "prepare",
            2,
            prepare,
            _pictures,
            {
                "not scaled": lambda x: (np.float32(x) - MEAN) / STD,
                "scaled only": lambda x: np.float32(x) / 255,
                "no deviation": lambda x: prepare(x, std=(1, 1, 1)),
                "no mean": lambda x: prepare(x, mean=(0, 0, 0)),
                "blue first": lambda x: prepare(x, MEAN[::-1], STD[::-1]),
                "each picture": lambda x: (
                    (np.float32(x) - np.mean(x, (1, 2, 3), keepdims=True))
                    / np.std(x, (1, 2, 3), keepdims=True)
                ),
                "centred": lambda x: np.float32(x) / 127.5 - 1,
            },
        ),
        _classify("logits", 4, _FEW, _judge_logits),
        _classify("accuracy", 4, _MANY, _judge_accuracy),
    )
}
