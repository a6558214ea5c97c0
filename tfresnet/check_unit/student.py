"""A student's file: what it defines, how that becomes a Keras model, and where it breaks off."""

import contextlib
import inspect
import os
import re
import sys
import tokenize
import traceback
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from tfresnet.errors import InputError
from tfresnet.layers.recorder import Call, recorded

_MODULE = "student"  # and not "__main__", below which a file trains
_CHANNELS = ("filter", "channel", "planes")


@contextlib.contextmanager
def blamed(file: str) -> Iterator[None]:
    """An error inside becomes an `InputError` of one line: file, line, what Python says."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # it wraps messages in several lines
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras' guesses come before the error itself
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
    return f"{os.path.basename(file)}, line {lines[-1]}" if lines else os.path.basename(file)


def _one_line(error):
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*|\x1b\[\d*m", "", text, flags=re.DOTALL).strip()
    first = text.partition("\n")[0].strip()
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


@dataclass(frozen=True)
class Student:
    """What a file defines under a name: a class, a function or a model.

    calls: those of layers while the file ran.
    """

    file: str
    name: str
    thing: object
    calls: list[Call]

    @property
    def roles(self) -> dict[str, str]:
        """Parameter -> what it gets, for those that get something.

        Raises:
            InputError: a parameter without a default that cannot be recognised.
        """
        if isinstance(self.thing, keras.Model):
            return {}
        roles = {}
        for parameter in inspect.signature(self.thing).parameters.values():
            needed = parameter.default is parameter.empty
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            role = _role(parameter.name) or ("input" if needed else None)
            if role == "input" and (role in roles.values() or inspect.isclass(self.thing)):
                raise InputError(
                    f"{self.name} of {os.path.basename(self.file)} must be made of filters, "
                    "strides, input_shape and num_classes; write a function unit(filters, strides) "
                    f"around it. Received: the parameter {parameter.name!r}"
                )
            if role:
                roles[parameter.name] = role
        return roles

    def model(self, **values) -> keras.Model:
        """A functional model of one call; `values` by role, `input` only for a unit.

        Raises:
            InputError: the file's own error, with its line.
        """
        with blamed(self.file):
            x = values.get("input")
            made = self.thing
            if not isinstance(made, keras.Model):
                x = _picture(values["input_shape"]) if x is None else x
                values["input"] = x
                made = made(**{name: values[role] for name, role in self.roles.items()})
            if isinstance(made, keras.Layer):
                own = getattr(made, "inputs", None)
                x = _picture(made.input_shape[1:]) if own else x
                made = made(x)
            if not isinstance(made, keras.KerasTensor):
                raise InputError(
                    f"{self.name} of {os.path.basename(self.file)} must give one tensor, a layer "
                    f"or a model. Received: {type(made).__name__}"
                )
            return keras.Model(x, made)


def _picture(shape):
    *sides, channels = shape
    return keras.Input((*(side or 32 for side in sides), channels))


def _role(name):
    name = name.lower()
    if "stride" in name:
        return "strides"
    if any(word in name for word in _CHANNELS):
        return "in_channels" if name.startswith("in") else "filters"
    return "input_shape" if "shape" in name else "num_classes" if "class" in name else None


def load(file: str, name: str | None = None) -> Student:
    """What `file` defines under `name`; by default, the only thing that can be compared.

    Raises:
        InputError: the file cannot be run, has not that name, or several things to choose from.
    """
    module = types.ModuleType(_MODULE)
    module.__file__ = file
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    try:
        with blamed(file), recorded() as calls:
            with tokenize.open(file) as source:
                code = compile(source.read(), file, "exec")
            exec(code, module.__dict__)
    finally:
        sys.path.pop(0)
    found = {key: value for key, value in vars(module).items() if _comparable(key, value)}
    name = next(iter(found), None) if name is None and len(found) == 1 else name
    if name not in found:
        known = ", ".join(found) or "no class of Keras layers, no function and no model"
        raise InputError(
            f"{os.path.basename(file)} defines {known}: NAME must say which is meant. "
            f"Received: {name}"
        )
    return Student(file, name, found[name], calls)


def _comparable(name, value):
    if name.startswith("_"):
        return False
    own = getattr(value, "__module__", None) == _MODULE
    layer = inspect.isclass(value) and issubclass(value, keras.Layer)
    return isinstance(value, keras.Model) or (own and (layer or inspect.isfunction(value)))
