"""Compares a student's unit, module or network with ours and describes the differences."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import keras

from tfresnet.check_unit import references
from tfresnet.check_unit.outputs import adopt, copy_weights, output_differences
from tfresnet.check_unit.parts import NORM, Part, list_parts
from tfresnet.check_unit.references import MODULES, UNITS, nearest
from tfresnet.errors import InputError
from tfresnet.layers.recorder import record_calls
from tfresnet.own.student import Student

_SIDE = 9  # odd, so that Keras' own padding agrees with ours at stride 2
_NO_SHORTCUT = (
    "where the branch changes the shape, so must the shortcut: by a 1x1 convolution of the same "
    "stride, or by every second pixel and channels of zeros"
)
_ONLY_CHANNELS = (
    "where the branch changes the channels, so must the shortcut, with stride 1 too: ResNet-50's "
    "first unit takes 64 to 256 channels"
)
# Settings of batch normalisation that equal outputs do not prove: lowest, highest, meaning.
_NORM_SETTINGS = {
    "momentum": (0.5, 0.9999, "the share of the moving averages that a step keeps"),
    "epsilon": (1e-12, 0.01, "what is added to the variance"),
}


@dataclass
class Trial:
    """One comparison of a unit or network with the most similar of ours."""

    what: str
    reference: str = ""
    differences: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __str__(self):
        lines = [f"{self.what}: {'differs' if self.differences else 'the same'}"]
        lines += [f"    compared with {self.reference}"] if self.reference else []
        lines += [f"  - {difference}" for difference in self.differences]
        return "\n".join(lines + [f"    accepted: {remark}" for remark in self.remarks])


@dataclass
class Comparison:
    """All trials of one definition in a student's file."""

    name: str
    trials: list[Trial]

    @property
    def same(self) -> bool:
        return not any(trial.differences for trial in self.trials)

    def __str__(self):
        return "\n".join(f"{self.name}, {trial}" for trial in self.trials)


def compare(student: Student, against: str | None = None) -> Comparison:
    """Compares a student's definition with ours.

    `against` is "basic" (default) or "bottleneck" for a unit, "naive", "inception" or "mlpconv" for
    a module, and the name of a network, by default "resnet18", for a network.

    Raises:
        InputError: an error of the file, or `against` does not fit the definition.
    """
    if against in MODULES:
        return Comparison(student.name, [_module_trial(student, against)])
    roles = student.roles.values()
    if "filters" in roles and "num_classes" not in roles:
        kind = _kind(student, against, "basic")
        cases = UNITS[kind] if "strides" in roles else UNITS[kind][:1]
        return Comparison(student.name, [_unit_trial(student, kind, *case) for case in cases])
    with record_calls() as calls:
        model = student.model(input_shape=(32, 32, 3), num_classes=10)
    shape, out = model.input_shape[1:], model.output_shape[-1]
    if len(model.output_shape) == 4:  # a unit with fixed channels, and the paper's stride for them
        kind = _kind(student, against, "basic")
        filters = out // 4 if kind == "bottleneck" else out
        strides = 1 if shape[-1] in (out, filters) else 2
        what = f"{shape[-1]} to {out} channels, stride {strides}"
        ours = references.units(kind, shape, filters, strides)
    else:
        what = f"{_sides(model.input_shape)} to {out} classes"
        ours = references.networks(_kind(student, against, "resnet18"), shape, out)
    return Comparison(student.name, [_trial(what, model, student.calls + calls, ours)])


def _kind(student, against, default):
    if against is None or (against in UNITS) == (default in UNITS):
        return against or default
    rule = "basic or bottleneck for a unit" if default in UNITS else "a network's name"
    raise InputError(f"--against must be {rule}, as {student.name} is. Received: {against!r}")


def _module_trial(student, kind):
    channels, numbers = MODULES[kind]
    x = keras.Input((_SIDE, _SIDE, channels))
    with record_calls() as calls:
        if isinstance(student.thing, keras.Model):
            model = student.model(input_shape=x.shape[1:])
        else:
            model = student.module(x, numbers, references.MLP_KERNEL)
    what = f"{channels} to {model.output_shape[-1]} channels"
    ours = references.modules(kind, model.input_shape[1:])
    return _trial(what, model, student.calls + calls, ours)


def _unit_trial(student, kind, channels, filters, strides):
    x = keras.Input((_SIDE, _SIDE, channels))
    out = filters * (4 if kind == "bottleneck" else 1)
    changes = (channels, strides) != (out, 1)
    what = f"{channels} to {out} channels, stride {strides}"
    values = {"in_channels": channels, "filters": filters, "strides": strides}
    values |= {"input": x, "input_shape": x.shape[1:], "num_classes": 10}
    with record_calls() as calls:
        try:
            model = student.model(**values, projection=(out, strides) if changes else None)
        except InputError as error:
            if not changes:  # not an error of the shortcut
                raise
            ours = references.units(kind, x.shape[1:], filters, strides)
            pairs, reference, _ = nearest(list_parts(calls), ours)
            return Trial(what, reference, [str(error), *_shortcut_differences(pairs, strides)])
    ours = references.units(kind, model.input_shape[1:], filters, strides)
    trial = _trial(what, model, calls, ours)
    if kind == "bottleneck" and model.output_shape[-1] == filters:
        trial.differences.append(f"the last 1x1 convolution must widen to 4 * {filters} channels")
    return trial


def _trial(what, model, calls, candidates):
    pairs, reference, ours = nearest(list_parts(calls, model), candidates)
    trial = Trial(what, reference)
    trial.differences += _structure_differences(pairs, model, ours)
    if trial.differences == [*missing_parts(pairs)] and _lacks_only_norms(pairs):
        whole = [pair for pair in pairs if None not in pair]
        for works, words in _norm_settings(whole):
            (trial.remarks if works else trial.differences).append(words)
        trial.remarks += adopt(whole, model, ours)
        copy_weights(whole)
        trial.differences += output_differences(model, ours, pairs, trial.remarks)
    return trial


def _structure_differences(pairs, theirs, ours):
    if theirs.output_shape != ours.output_shape:
        shapes = map(_sides, (theirs.output_shape, ours.output_shape))
        yield "the output has the shape {}, ours {}".format(*shapes)
    yield from _stride_differences(pairs) or _first_other_shape(pairs)
    pools = _max_pools(theirs), _max_pools(ours)
    if pools[0] != pools[1]:
        yield "max poolings: {}; ours {}".format(*pools)
    yield from missing_parts(pairs)


def missing_parts(pairs: Iterable[tuple[Part | None, Part | None]]) -> Iterator[str]:
    """Parts that one side lacks, and what that makes of the parameters."""
    previous = "the input"
    for our, their in pairs:
        if their is None:
            yield f"missing after {previous}: {our}"
        elif our is None:
            yield f"unexpected after {previous}: {their}"
        previous = str(their or our)
    counts = [sum(pair[side].size for pair in pairs if pair[side]) for side in (1, 0)]
    if counts[0] != counts[1]:
        yield "without biases of convolutions it has {:,} parameters, ours {:,}".format(*counts)


def _lacks_only_norms(pairs):
    return all(their or our.kind == NORM for our, their in pairs) and all(our for our, _ in pairs)


def _stride_differences(pairs):
    return [
        f"stride of the {their}: {their.strides[0]}, ours {our.strides[0]}"
        for our, their in pairs
        if our and their and our.strides != their.strides
    ]


def _first_other_shape(pairs) -> Iterator[str]:
    """The first layer whose output has other sides than ours: later ones follow from it."""
    for our, their in pairs:
        if our and their and our.output and their.output and our.output != their.output:
            padding = f" (padding {their.layer.padding!r})" if their.is_convolution else ""
            shapes = f"{_sides(their.output, 0)}, ours {_sides(our.output, 0)}"
            yield f"the output of the {their} has the shape {shapes}{padding}"
            return


def _max_pools(model):
    """The max poolings of a network in words."""
    kind = keras.layers.MaxPooling2D
    pools = (layer for layer in model._flatten_layers() if isinstance(layer, kind))
    words = (f"{_sides(pool.pool_size, 0)} with stride {pool.strides[0]}" for pool in pools)
    return ", ".join(words) or "none"


def _shortcut_differences(pairs, strides):
    """What keeps branch and shortcut from being added, and the normalisations that are missing."""
    rule = _ONLY_CHANNELS if strides == 1 else _NO_SHORTCUT
    yield from _stride_differences(pairs) or [rule]
    if _lacks_only_norms(pairs):
        yield from missing_parts(pairs)


def _norm_settings(pairs: Iterable[tuple[Part, Part]]) -> Iterator[tuple[bool, str]]:
    """Each setting of batch normalisation that is not ours: whether it works, and a remark."""
    norms = [(our.layer, their.layer) for our, their in pairs if our.kind == NORM]
    for name, (low, high, meaning) in _NORM_SETTINGS.items():
        values = {(getattr(our, name), getattr(their, name)) for our, their in norms}
        for our, their in sorted(values):
            words = f"{name} of {their:g}, ours {our:g}"
            if not low <= their <= high:
                yield False, f"{words}: it must be from {low:g} to {high:g}, {meaning}"
            elif their != our:
                yield True, words


def _sides(shape, first=1):
    """A shape in words, by default without the batch."""
    return "x".join(map(str, shape[first:]))
