"""Judges what Keras layers compute: parts, and outputs for random weights, against our network of
the same parts with the same weights."""

import functools
import json
from collections.abc import Callable

import numpy as np

from tfresnet.check_unit.exercises.child import random_weight
from tfresnet.check_unit.exercises.judging import (
    CLOSE,
    Criterion,
    Finding,
    gap,
    shape_finding,
    sides,
)
from tfresnet.check_unit.mistakes import variants
from tfresnet.check_unit.parts import CONVOLUTION, DENSE, NORM, Part
from tfresnet.check_unit.references import nearest

_KINDS = {"Conv2D": CONVOLUTION, "BatchNormalization": NORM, "Dense": DENSE}
_EPSILONS, _MOMENTA = (1e-12, 0.01), (0.5, 0.9999)  # with others no network trains
_NOTHING = ("nothing", ())


def layers(
    name: str,
    points: int,
    how: str,
    function: str,
    case: str,
    shape: tuple[int, ...],
    numbers: dict,
    ours: Callable,
    aspects: tuple[str, ...],
) -> Criterion:
    """A criterion for a function that builds layers.

    Args:
        how: "unit" or "network", as in `child.answer`.
        case: key of the call, which several criteria may share.
        shape: of the images, with the batch.
        numbers: further arguments of the function.
        ours: makes the references, as `references.nearest` takes them.
        aspects: "parts", "inference" and "training": what must be as ours.
    """

    def calls(rng):
        seed = int(rng.integers(1 << 32))
        return {case: (how, function, (rng.normal(size=shape).astype("float32"), seed, numbers))}

    def judge(calls, answers):
        _, _, (images, seed, _) = calls[case]
        answer = answers[case]
        pairs, model, theirs = _compare(str(answer["parts"]), ours)
        found = None
        for aspect in aspects:
            if aspect == "parts":
                found = found or _part_finding(pairs, theirs)
                shape = answer["inference"].shape[1:]
                found = found or shape_finding(shape, model.output_shape[1:])
            else:
                output = answer[aspect]
                found = found or _output_finding(pairs, theirs, model, images, seed, output, aspect)
        return found

    return Criterion(name, points, calls, judge)


@functools.lru_cache(maxsize=2)
def _compare(parts: str, ours: Callable):
    theirs = [_read_part(*entry) for entry in json.loads(parts)[:1000]]
    pairs, _, model = nearest(theirs, ours())
    return pairs, model, theirs


def _read_part(kind, strides, epsilon, momentum, weights, output):
    """A part without values: an array of one number that is stretched takes no memory."""
    shapes = {str(name): tuple(map(int, shape)) for name, shape in weights.items()}
    values = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    strides = tuple(strides) if strides else None
    settings = tuple(None if value is None else float(value) for value in (epsilon, momentum))
    return Part(_KINDS.get(kind, str(kind)), values, strides, tuple(output), layer=settings)


def _words(part):
    if part is None:
        return _NOTHING
    return part.kind, tuple(next(iter(part.weights.values())).shape)


def _part_finding(pairs, theirs):
    for our, their in pairs:
        if our and their and our.strides != their.strides:
            values = {"got": their.strides[0], "expected": our.strides[0]}
            return Finding("stride", {"part": _words(their)} | values)
    previous = None
    for our, their in pairs:
        if our is None or their is None:
            values = {"part": _words(our or their), "previous": _words(previous)}
            return Finding("lacks" if their is None else "surplus", values)
        if our.output and their.output and our.output != their.output:
            shapes = {"got": sides(their.output), "expected": sides(our.output)}
            return Finding("map", {"part": _words(their)} | shapes)
        previous = their
    for part in theirs:
        for name, value, (low, high) in zip(
            ("epsilon", "momentum"), part.layer, (_EPSILONS, _MOMENTA), strict=True
        ):
            if part.kind == NORM and not low <= value <= high:
                return Finding(name, {"got": value, "low": low, "high": high})
    return None


def _output_finding(pairs, theirs, model, images, seed, got, aspect):
    lacking = [our for our, their in pairs if their is None]
    if any(our is None for our, _ in pairs) or any(our.kind != NORM for our in lacking):
        return Finding("parts first")
    if lacking and aspect == "training":
        return Finding("parts first")
    _assign(pairs, theirs, seed)

    def run(training):
        output = np.asarray(model(images, training=training))
        _assign(pairs, theirs, seed)  # a call in training moves the averages
        return output

    for mode, key in ((aspect == "training", None), (aspect != "training", f"not {aspect}")):
        if is_close(got, run(mode)):
            return Finding(key) if key else None
    for words in variants(model):
        if is_close(got, run(aspect == "training")):
            return Finding(words)
    return Finding("unknown mistake")


def is_close(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether outputs are equal but for rounding. A softmax in place of logits is no mistake."""
    if got.shape != expected.shape:
        return False
    if got.ndim == 2 and np.allclose(got.sum(-1), 1, atol=1e-4) and got.min() >= 0:
        raised = np.exp(expected - expected.max(-1, keepdims=True))
        expected = raised / raised.sum(-1, keepdims=True)
    return gap(got, expected) < CLOSE


def _assign(pairs, theirs, seed):
    numbers = {id(part): number for number, part in enumerate(theirs)}
    for our, their in pairs:
        if their is None:
            continue
        if our.kind == NORM and _EPSILONS[0] <= their.layer[0] <= _EPSILONS[1]:
            our.layer.epsilon = their.layer[0]
        for name, weight in our.weights.items():
            value = random_weight(seed, numbers[id(their)], name, tuple(weight.shape))
            weight.assign(value)
