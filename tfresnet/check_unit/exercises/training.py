"""Exercise 8: a training step with momentum and decay, and the networks that degrade."""

import functools

import keras
import numpy as np
import tensorflow as tf

from tfresnet.check_unit.exercises.child import make_small_network
from tfresnet.check_unit.exercises.judging import Criterion, Finding, function, gap
from tfresnet.check_unit.exercises.layers import layers
from tfresnet.models import create_model

_CLOSE = 1e-2  # of what three steps change
_SETTINGS = (0.1, 0.8, 0.05)  # rate, momentum, decay: all large, so that each shows


def update(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


def _decoupled(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient
    return weight - rate * velocity - rate * decay * weight, velocity


def _dampened(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + (1 - momentum) * (gradient + decay * weight)
    return weight - rate * velocity, velocity


def _rate_inside(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity - rate * (gradient + decay * weight)
    return weight + velocity, velocity


def _no_decay(weight, velocity, gradient, rate, momentum, decay):
    return update(weight, velocity, gradient, rate, momentum, 0)


def _ascent(weight, velocity, gradient, rate, momentum, decay):
    return update(weight, velocity, gradient, -rate, momentum, decay)


def cross_entropy(logits, labels, reduce=np.mean):
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return reduce(-logs[np.arange(len(labels)), labels])


def _twice(logits, labels):
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return cross_entropy(raised / raised.sum(-1, keepdims=True), labels)


def _numbers(rng):
    for momentum in (0.9, 0.5):
        yield (*rng.normal(size=(3, 4, 3)), 0.3, momentum, 0.2)


def _logits(rng):
    labels = rng.integers(0, 5, 6)
    return [(scale * rng.normal(size=(6, 5)).astype("float32"), labels) for scale in (1, 300)]


def _steps(
    images, labels, seed, rate, momentum, decay, training=True, keeps=True, change=update, share=1
):
    """The weights after a step on each batch, as the child returns them."""
    model = make_small_network(seed)
    velocities = [0.0] * len(model.trainable_variables)
    for batch, truth in zip(images, labels, strict=True):
        with tf.GradientTape() as tape:
            logits = model(batch, training=training)
            losses = keras.losses.sparse_categorical_crossentropy(truth, logits, from_logits=True)
            loss = share * tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        for number, variable in enumerate(model.trainable_variables):
            before = velocities[number] if keeps else 0.0
            old = np.array(variable)
            found = change(old, before, np.array(gradients[number]), rate, momentum, decay)
            variable.assign(found[0])
            velocities[number] = found[1]
    return np.concatenate([np.ravel(variable) for variable in model.variables])


_WRONG_STEPS = {
    "no step": {"change": lambda weight, velocity, *_: (weight, velocity)},
    "inference": {"training": False},
    "velocity lost": {"keeps": False},
    "decoupled": {"change": _decoupled},
    "summed": {"share": 8},
    "no decay": {"change": _no_decay},
    "ascent": {"change": _ascent},
}


def _step_calls(rng):
    images = rng.normal(size=(3, 8, 6, 6, 3)).astype("float32")
    labels, seed = rng.integers(0, 4, (3, 8)), int(rng.integers(1 << 32))
    return {"train_step": ("training", "train_step", (images, labels, seed, *_SETTINGS))}


def _judge_steps(calls, answers):
    _, _, arguments = calls["train_step"]
    got = answers["train_step"]["0"]
    model = make_small_network(arguments[2])
    start = np.concatenate([np.ravel(variable) for variable in model.variables])
    if got.shape != start.shape:
        return Finding("forged")
    for key, changes in {"": {}, **_WRONG_STEPS}.items():
        if gap(got - start, _steps(*arguments, **changes) - start) < _CLOSE:
            return Finding(key) if key else None
    return Finding("other step")


def _twin(name, kind, shortcuts):
    shape, numbers = (2, 9, 9, 3), {"depth": 20, "shortcuts": shortcuts}
    ours = functools.partial(_twins, kind, shape[1:])
    aspects = ("parts", "inference")
    return layers(name, 1, "network", "network", name, shape, numbers, ours, aspects)


def _twins(kind, shape):
    for option in ("A", "B") if kind == "resnet20" else (None,):
        more = {"shortcut": option} if option else {}
        yield (
            "",
            lambda more=more: create_model(
                kind, stem="cifar", input_shape=shape, num_classes=10, **more
            ),
        )


CRITERIA = {
    8: (
        function(
            "update",
            3,
            update,
            _numbers,
            {
                "decoupled": _decoupled,
                "dampened": _dampened,
                "rate inside": _rate_inside,
                "no decay": _no_decay,
                "no momentum": lambda w, v, g, rate, _, decay: update(w, v, g, rate, 0, decay),
                "old velocity": lambda w, v, *a: (w - a[1] * v, update(w, v, *a)[1]),
                "ascent": _ascent,
            },
        ),
        function(
            "cross_entropy",
            1,
            cross_entropy,
            _logits,
            {
                "summed": functools.partial(cross_entropy, reduce=np.sum),
                "twice": _twice,
                "no mean": functools.partial(cross_entropy, reduce=lambda losses: losses),
                "sign": lambda *a: -cross_entropy(*a),
            },
        ),
        Criterion("train_step", 4, _step_calls, _judge_steps),
        _twin("residual", "resnet20", True),
        _twin("plain", "plain20", False),
    )
}
