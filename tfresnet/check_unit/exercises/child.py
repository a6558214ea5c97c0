"""Runs a hand-in in a process of its own. This file imports nothing of the package: the process
gets a copy of it, its task as a pickle on standard input, and writes arrays alone."""

import contextlib
import ctypes
import json
import os
import pickle
import sys
import traceback
import types

import numpy as np

MODULE = "hand_in"  # not "__main__": a hand-in may train below that


def run(sources: list[tuple[str, str]]) -> tuple[dict, list[list[str]]]:
    """Runs (name, code) parts one after the other, as a notebook does: what they define, and the
    error of each part that fails."""
    module = types.ModuleType(MODULE)
    errors = []
    for name, code in sources:
        try:
            exec(compile(code, name, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            errors.append(_describe(error, {name for name, _ in sources}))
    return vars(module), errors


def answer(names: dict, calls: dict[str, tuple], files: set[str] = frozenset()) -> dict:
    """Each call (how, function, arguments) of what a hand-in defines, as arrays: `KEY.0` and so on,
    or `KEY.error`, which is the kind of error, its place and its message."""
    found = {}
    for key, (how, function, arguments) in calls.items():
        try:
            if not callable(names.get(function)):
                raise NameError(f"{function} is not defined")
            arrays = _HOW[how](names[function], *pickle.loads(pickle.dumps(arguments)))
        except (Exception, SystemExit) as error:
            arrays = {"error": np.array(_describe(error, files))}
        found |= {f"{key}.{name}": array for name, array in arrays.items()}
    return found


def _describe(error, files):
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    name = f"{lines[-1].filename}, " if lines and os.sep not in lines[-1].filename else ""
    place = f"{name}line {lines[-1].lineno}" if lines else ""  # a notebook's file says nothing
    if isinstance(error, SyntaxError) and error.filename in files:
        place = f"{error.filename}, line {error.lineno}"
    text = str(getattr(error, "msg", None) or error).rpartition("Error encountered:")[2].strip()
    return [type(error).__name__, place, text.partition("\n")[0][:300]]


def _call(function, *arguments):
    made = function(*arguments)
    made = made if isinstance(made, (tuple, list)) else (made,)
    return {str(number): np.asarray(array) for number, array in enumerate(made)}


def _build_unit(function, images, seed, numbers):
    """Builds a model of Keras layers, gives it random weights, and runs it on images."""
    import keras

    with _note_layers() as layers:
        x = keras.Input(images.shape[1:])
        made = function(x, **numbers)
        made = made(x) if isinstance(made, keras.Layer) else made
        model = keras.Model(x, made)
        model(images[:1], training=False)
    return _observe(model, layers, images, seed)


def _build_network(function, images, seed, numbers):
    with _note_layers() as layers:
        model = function(images.shape[1:], **numbers)
        model(images[:1], training=False)
    return _observe(model, layers, images, seed)


@contextlib.contextmanager
def _note_layers():
    """Collects the layers that are called, in the order of their calls, with their first output."""
    import keras

    layers, call = {}, keras.Layer.__call__

    def note(layer, *args, **kwargs):
        output = call(layer, *args, **kwargs)
        layers.setdefault(id(layer), (layer, getattr(output, "shape", None)))
        return output

    keras.Layer.__call__ = note
    try:
        yield layers
    finally:
        keras.Layer.__call__ = call


def _observe(model, layers, images, seed):
    members = {id(layer) for layer in model._flatten_layers()}
    parts = []
    for layer, shape in (entry for key, entry in layers.items() if key in members):
        own = layer._trainable_variables + layer._non_trainable_variables
        own = [variable for variable in own if "seed" not in variable.name]
        if own:
            weights = {variable.name: [*variable.shape] for variable in own}
            for variable in own:
                is_bias = variable.name == "bias" and "Conv" in type(layer).__name__
                value = random_weight(seed, len(parts), variable.name, variable.shape)
                variable.assign(0 * value if is_bias else value)
            parts.append([*_describe_layer(layer), weights, [*(shape or [0])[1:]]])
    found = {"parts": np.array(json.dumps(parts)), "inference": model(images, training=False)}
    found["training"] = model(images, training=True)
    return {name: np.asarray(array) for name, array in found.items()}


def _describe_layer(layer):
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.Dense)
    kind = next((kind.__name__ for kind in kinds if isinstance(layer, kind)), type(layer).__name__)
    strides = [*layer.strides] if kind == "Conv2D" else None
    return kind, strides, getattr(layer, "epsilon", None), getattr(layer, "momentum", None)


def random_weight(seed: int, layer: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The random value of a layer's weight, which the grader knows too."""
    rng = np.random.default_rng([seed, layer, *name.encode()])
    if len(shape) > 1:
        return rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
    if name in ("gamma", "moving_variance"):
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(0, 0.3, shape)


def make_small_network(seed: int):
    """A network with random weights, for a training of some steps."""
    import keras

    x = inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))
    for number, variable in enumerate(model.variables):
        variable.assign(random_weight(seed, number, variable.name, variable.shape))
    return model


def _train(step, images, labels, seed, *settings):
    """A network's weights after one step on each batch."""
    import tensorflow as tf

    model = make_small_network(seed)
    velocities = [tf.Variable(tf.zeros(v.shape)) for v in model.trainable_variables]
    for batch, truth in zip(images, labels, strict=True):
        step(model, velocities, tf.constant(batch), tf.constant(truth), *settings)
    return {"0": np.concatenate([np.ravel(variable) for variable in model.variables])}


_HOW = {"training": _train, "call": _call, "unit": _build_unit, "network": _build_network}


def _limit(seconds, megabytes):
    """Processor time, memory and the size of files."""
    import resource  # which Windows lacks, where notebooks check themselves too

    for what, most in (
        (resource.RLIMIT_CPU, seconds * os.cpu_count()),
        (resource.RLIMIT_DATA, megabytes << 20),
        (resource.RLIMIT_FSIZE, 64 << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _wall_in(hidden):
    """Inside a mount namespace: everything but this folder is read-only, `hidden` folders are
    empty, and no program that is started can undo it."""
    libc = ctypes.CDLL(None, use_errno=True)
    recursive, read_only, own = 0x8000, 1, os.getcwd().encode()

    def check(result):
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def set_attributes(path, flags, add, remove):
        attributes = (ctypes.c_uint64 * 4)(add, remove, 0, 0)
        check(libc.syscall(442, -100, path, flags, attributes, 32))  # mount_setattr

    for folder in hidden:
        check(libc.mount(b"none", folder.encode(), b"tmpfs", 0, b"size=4k"))
    check(libc.mount(own, own, None, 0x1000, None))  # a mount of its own
    set_attributes(b"/", recursive, read_only, 0)
    os.chdir(own)
    set_attributes(own, 0, 0, read_only)
    check(libc.prctl(38, 1, 0, 0, 0))  # no new privileges
    check(libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()))


def _watch(hidden):
    """Refuses to open files of others, the network and other programs; returns what was tried."""
    tried, own = [], os.getcwd()

    def refuse(event, args):
        path = args[0] if args and isinstance(args[0], (str, bytes)) else None
        if event in ("open", "os.listdir", "os.scandir", "os.chdir") and path is not None:
            full = os.path.realpath(os.fsdecode(path))
            writes = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR)
            is_own = os.path.commonpath([full, own]) == own or full.startswith("/dev/")
            others = any(os.path.commonpath([full, folder]) == folder for folder in hidden)
            if (writes or others) and not is_own:
                tried.append(f"{'write' if writes else 'read'} {full}"[:200])
                raise PermissionError(f"outside the folder of the hand-in: {full}")
        elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.fork", "os.exec"):
            tried.append(event)
            raise PermissionError(f"{event} is not allowed here")

    sys.addaudithook(refuse)
    return tried


def main() -> None:
    task = pickle.load(sys.stdin.buffer)
    if task["walls"]:
        _wall_in(task["hidden"])
    _limit(task["seconds"], task["megabytes"])
    # A notebook imports its checks from here; everything else of the package would be forging.
    checks = types.ModuleType("tfresnet.check_unit.exercises")
    checks.check = checks.trained_weights = lambda *_, **__: None
    sys.modules |= {"tfresnet": types.ModuleType("tfresnet"), "tfresnet.check_unit": checks}
    sys.modules[checks.__name__] = checks
    if task["keras"]:
        import keras  # noqa: F401
    tried = _watch(task["hidden"])
    names, errors = run(task["sources"])
    found = answer(names, task["calls"], {name for name, _ in task["sources"]})
    found |= {f"error.{number}": np.array(error) for number, error in enumerate(errors)}
    found |= {f"tried.{number}": np.array(what) for number, what in enumerate(tried[:5])}
    with open(task["token"], "wb") as file:
        np.savez(file, **found)


if __name__ == "__main__":
    main()
