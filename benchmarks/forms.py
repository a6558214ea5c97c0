"""Times the forms of each convolution, and writes the package's table for this kind of processor.

The shapes are those of all networks at the sides in pixels that the recipes train. A form other
than the library's enters the table where it is faster by `GAIN`. Nothing is timed in training.
"""

import contextlib
import itertools
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.contestants import Assignment, Step
from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers import Conv2D, conv_forms
from tfresnet.layers.recorder import record_calls, walk_calls
from tfresnet.settings.model_names import CIFAR_NETWORKS, RESNETS
from tfresnet.settings.recipes import recipe_for

# (height, width, channels) of the map, (height, width, channels, filters) of the kernel, stride.
Shape = tuple[tuple[int, ...], tuple[int, ...], int]

GAIN = 1.15
_SIDES = (20, 24, 32)  # those that docs/results.md trains the residual networks with
_HOPELESS = 2  # times as slow as the library in the first round: not timed further
_PARTS = {"forward": conv_forms.FORWARD, "inputs": conv_forms.INPUTS, "kernel": conv_forms.KERNEL}


def network_shapes() -> dict[Shape, int]:
    """The convolutions of all networks, and images a step."""
    shapes = {}
    for name, side in itertools.product(models.list_models(), _SIDES):
        if side < 32 and name not in RESNETS + CIFAR_NETWORKS:
            continue
        with contextlib.suppress(InputError):  # the network takes no images of this side
            images = recipe_for(name, "fast")["batch_size"]
            for shape in convolutions(name, side):
                shapes[shape] = max(images, shapes.get(shape, 0))
    return shapes


def convolutions(name: str, side: int = 32) -> list[Shape]:
    """All convolutions of a network that have forms, in order."""
    model = models.create_model(name, num_classes=10, input_shape=(side, side, 3))
    with record_calls() as calls:
        model(tf.zeros((1, side, side, 3)))
    return [
        (tuple(call.inputs[0].shape[1:]), tuple(call.layer.kernel.shape), call.layer.strides[0])
        for call in walk_calls(calls)
        if isinstance(call.layer, Conv2D) and _has_forms(call.layer)
    ]


def _has_forms(layer):
    square = layer.strides[0] == layer.strides[1] and all(n % 2 for n in layer.kernel_size)
    return layer.padding == "same" and layer.groups == 1 and square


def limit(what: Assignment) -> Step:
    """The convolutions of one training step, each alone and in its fastest form."""
    dtype = "bfloat16" if what.precision == "mixed_bfloat16" else "float32"
    fastest, work = {}, []
    for number, shape in enumerate(convolutions(what.model)):
        if shape not in fastest:
            fastest[shape] = {}
            for part, calls in _calls(shape, what.batch_size, dtype).items():
                seconds = _by_turns(calls, rounds=5)
                fastest[shape][part] = calls[min(seconds, key=seconds.get)]
        # The images have no gradient.
        work += [call for part, call in fastest[shape].items() if number or part != "inputs"]

    def step():
        for call in work:
            call()

    return step, what.batch_size


def time_forms(shape: Shape, images: int, dtype: str, rounds: int) -> dict[str, dict[str, float]]:
    """part -> form -> median seconds, by turns."""
    calls = _calls(shape, images, dtype)
    return {part: _by_turns(forms, rounds) for part, forms in calls.items()}


def _calls(shape, images, dtype) -> dict[str, dict[str, Callable[[], object]]]:
    """part -> form -> its computation on noise."""
    map_shape, kernel_shape, stride = shape
    random = np.random.default_rng(0)
    out = [-(-side // stride) for side in map_shape[:2]]
    x, kernel, dy = (
        tf.cast(random.normal(size=size), dtype)
        for size in ((images, *map_shape), kernel_shape, (images, *out, kernel_shape[3]))
    )
    arguments = {
        "forward": (x, kernel, stride),
        "inputs": (dy, kernel, stride, x.shape),
        "kernel": (x, dy, stride, kernel.shape),
    }
    return {
        part: {name: _call(form, arguments[part]) for name, form in forms.items()}
        for part, forms in _PARTS.items()
    }


def _call(form, arguments):
    tensors = [a for a in arguments if tf.is_tensor(a)]

    @tf.function
    def compute(*tensors):
        rest = iter(tensors)
        return form(*(next(rest) if tf.is_tensor(a) else a for a in arguments))

    return lambda: compute(*tensors).numpy()


def _by_turns(calls, rounds):
    seconds = {name: [] for name in calls}
    for call in calls.values():
        call()  # traces
    for turn in range(rounds):
        for name, call in calls.items():
            if turn and seconds[name][0] > _HOPELESS * seconds["library"][0]:
                continue
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in seconds.items()}


def write_table(kind: str, rounds: int = 7) -> list[list[str]]:
    """Measures all forms and replaces the rows of `kind`. Returns the rows of a report: shape,
    dtype, part, the library's milliseconds, the best form and its milliseconds."""
    rows, table = [], {"bfloat16": {}, "float32": {}}
    for shape, images in sorted(network_shapes().items()):
        for dtype, chosen in table.items():
            name = conv_forms.shape_name(*shape)
            for part, seconds in time_forms(shape, images, dtype, rounds).items():
                best = min(seconds, key=seconds.get)
                if seconds["library"] >= GAIN * seconds[best]:
                    chosen.setdefault(part, {}).setdefault(best, []).append(name)
                    figures = [f"{1000 * seconds[form]:.2f}" for form in ("library", best)]
                    rows.append([name, dtype, part, figures[0], best, figures[1]])
    tables = json.loads(conv_forms.TABLE.read_text()) | {kind: table}
    conv_forms.TABLE.write_text(json.dumps(tables, indent=1) + "\n")
    return rows
