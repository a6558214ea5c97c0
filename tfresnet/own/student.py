"""A student's file: what it defines, the Keras model of it, and its errors in one line."""

import contextlib
import inspect
import os
import re
import sys
import tokenize
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras

from tfresnet.errors import InputError
from tfresnet.layers.recorder import Call, record_calls
from tfresnet.own.maker import find_roles

_MODULE = "student"  # not "__main__": a file may train below that
_INPUT = r"(?i)x|inp\w*|net|tensor|images?"


@contextlib.contextmanager
def report_errors(file: str) -> Iterator[None]:
    """Turns any error inside into an `InputError` of one line with the file and the line."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # it splits messages into several lines
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns before it raises
            yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"{_place(error, file)}: {_one_line(error)}") from error
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()


def _place(error, file):
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return os.path.basename(file) + (f", line {lines[-1]}" if lines else "")


def _one_line(error):
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = text.rpartition("Error encountered:")[2]  # Keras wraps errors of a layer's `call`
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*|\x1b\[\d*m", "", text, flags=re.DOTALL).strip()
    first = text.partition("\n")[0].strip()
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


@dataclass(frozen=True)
class Student:
    """A class, function or model that a file defines, and the calls of layers while it ran."""

    file: str
    name: str
    thing: object
    calls: list[Call]

    @property
    def title(self) -> str:
        return f"{self.name} of {os.path.basename(self.file)}"

    @property
    def roles(self) -> dict[str, str]:
        """Parameter -> role, for the parameters that are recognised.

        Raises:
            InputError: a parameter without a default is not recognised.
        """
        if isinstance(self.thing, keras.Model):
            return {}
        roles = {name: role for name, role in find_roles(self.thing).items() if role}
        inputs = [name for name, role in roles.items() if role == "input"]
        most = not inspect.isclass(self.thing)
        if len(inputs) > most:
            raise InputError(
                f"{self.title} must be made of filters, strides, input_shape and num_classes; "
                "write a function unit(filters, strides) around it. "
                f"Received: the parameter {inputs[most]!r}"
            )
        return roles

    def model(self, **values) -> keras.Model:
        """A Functional model of one call; `values` by role, `input` only for a unit.

        Raises:
            InputError: an error of the file, with its line.
        """
        x = values.setdefault("input", _make_input(values["input_shape"]))
        with report_errors(self.file):
            is_made = isinstance(self.thing, keras.Model)
            made = self.thing if is_made else self._call(values)
            if isinstance(made, keras.Layer):
                x = _make_input(made.input_shape[1:]) if getattr(made, "inputs", None) else x
                made = made(x)
            if not isinstance(made, keras.KerasTensor):
                rule = f"{self.title} must give one tensor, a layer or a model"
                raise InputError(f"{rule}. Received: {type(made).__name__}")
            return keras.Model(x, made)

    def module(self, x: keras.KerasTensor, numbers: tuple[int, ...], kernel: int) -> keras.Model:
        """A Functional model of a module on `x`. Its parameters without a default get `numbers` in
        order (one for all if there is one), in pairs of a reduction and its convolution if there
        are four; those named after a size, a stride or padding get `kernel`, 1 and "same".

        Raises:
            InputError: an error of the file, with its line, or another number of parameters.
        """
        given, needed = {}, []
        for name, parameter in inspect.signature(self.thing).parameters.items():
            if parameter.default is not parameter.empty or "VAR" in parameter.kind.name:
                continue
            fixed = {"stride": 1, "pad": "same", "size": kernel}
            known = [value for part, value in fixed.items() if part in name.lower()]
            needed += [] if known else [name]
            given |= {name: known[0]} if known else {}
        in_pairs = (numbers[0], numbers[1:3], numbers[3:5], numbers[5]) if numbers[5:] else numbers
        forms = {len(form): form for form in (numbers, in_pairs)}
        gives_layer = inspect.isclass(self.thing) or len(needed) in forms
        if needed and (re.fullmatch(_INPUT, needed[0]) or not gives_layer):
            given[needed.pop(0)] = x
        numbers = numbers * len(needed) if len(numbers) == 1 else forms.get(len(needed), numbers)
        if needed and len(needed) != len(numbers):
            rule = (
                f"{self.title} must take the numbers {', '.join(map(str, numbers))} in this order"
            )
            raise InputError(f"{rule}. Received: {', '.join(needed)}")
        given |= dict(zip(needed, numbers, strict=False))
        with report_errors(self.file):
            made = self.thing(**given)
            return keras.Model(x, made if isinstance(made, keras.KerasTensor) else made(x))

    def _call(self, values):
        arguments = {name: values[role] for name, role in self.roles.items() if role in values}
        for name in (name for name, role in self.roles.items() if role == "shortcut"):
            if values.get("projection"):
                is_switch = inspect.signature(self.thing).parameters[name].default is False
                arguments[name] = is_switch or _make_projection(*values["projection"])
        return self.thing(**arguments)


def _make_projection(filters, strides):
    """What a student's network hands to a unit that takes its shortcut from outside."""
    convolution = keras.layers.Conv2D(filters, 1, strides, use_bias=False)
    return keras.Sequential([convolution, keras.layers.BatchNormalization()])


def _make_input(shape):
    *sides, channels = shape
    return keras.Input((*(side or 32 for side in sides), channels))


def load(
    file: str, name: str | None = None, suits: Callable[[object], bool] = lambda thing: True
) -> Student:
    """Runs a file and returns its definition of `name`; None: the one that `suits`.

    Raises:
        InputError: the file fails, does not define `name`, or defines several things to compare.
    """
    found, calls = definitions(file)
    fitting = [key for key, value in found.items() if suits(value)] or [*found]
    if name is None and len(fitting) == 1:
        (name,) = fitting
    if name not in found:
        known = ", ".join(found) or "no class of Keras layers, no function and no model"
        rule = f"{os.path.basename(file)} defines {known}: NAME must say which is meant"
        raise InputError(f"{rule}. Received: {name}")
    return Student(file, name, found[name], calls)


def definitions(file: str) -> tuple[dict[str, object], list[Call]]:
    """Runs a file: its layers, functions and models by name, and the calls of layers meanwhile.

    Raises:
        InputError: the file fails.
    """
    module = types.ModuleType(_MODULE)
    module.__file__ = file
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    try:
        with report_errors(file), _no_training(), record_calls() as calls:
            with tokenize.open(file) as source:
                code = compile(source.read(), file, "exec")
            exec(code, module.__dict__)
    finally:
        sys.path.pop(0)
    public = ((key, value) for key, value in vars(module).items() if not key.startswith("_"))
    return {key: value for key, value in public if _is_comparable(value)}, calls


@contextlib.contextmanager
def _no_training() -> Iterator[None]:
    def refuse(*_, **__):
        raise RuntimeError('a file must train below `if __name__ == "__main__":` alone')

    fit = keras.Model.fit
    keras.Model.fit = refuse
    try:
        yield
    finally:
        keras.Model.fit = fit


def _is_comparable(value):
    is_own = getattr(value, "__module__", None) == _MODULE
    is_kind = inspect.isfunction(value) or (
        inspect.isclass(value) and issubclass(value, keras.Layer)
    )
    return isinstance(value, keras.Model) or (is_own and is_kind)
