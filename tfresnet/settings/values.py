"""Parsers of setting values, from text or from Python; each raises `ValueError` on bad input."""

import ast
import math
import operator
import re
from collections.abc import Iterable, Mapping

from tfresnet.errors import InputError

MOST_NUMBERS = 100_000  # a range such as 0-99999999 must not fill the memory


def whole_number(name: str, value: object, least: int = 1) -> int:
    """`value` as an int of at least `least`, else `InputError`. A bool is not an integer."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or type(value).__name__.startswith("bool"):
        kind = type(value).__name__
        raise InputError(f"{name} must be a whole number. Received: {value!r} of type {kind}")
    if number < least:
        raise InputError(f"{name} must be at least {least}. Received: {value!r}")
    return number


def channels(value: str | Iterable[float], name: str = "channels") -> tuple[float, ...]:
    """Three finite numbers R,G,B: `0.485,0.456,0.406`. Else an `InputError` about `name`."""
    try:
        numbers = tuple(float(number) for number in _parts(value))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise InputError(f"{name} must be three numbers R,G,B. Received: {value!r}")
    return numbers


def rising_sides(value: str | int | Iterable[int]) -> tuple[int, ...]:
    """Sides of images in pixels, each larger than the one before: `24,32`."""
    sides = tuple(_whole(side) for side in _parts(value))
    if not sides or sides[0] < 8 or list(sides) != sorted({*sides}) or sides[-1] > 99_999:
        raise ValueError(value)
    return sides


def step_range(value: str | Iterable[int]) -> tuple[int, int]:
    """First and last step: `A,B` with 1 <= A <= B."""
    first, last = (_whole(step) for step in _parts(value))
    if not 1 <= first <= last:
        raise ValueError(value)
    return first, last


def classes(value: str | Iterable[int | str]) -> tuple[int | str, ...]:
    """Numbers, ranges and names of classes: `0-4`, `0,2,5-7`, `cat,dog`."""
    chosen: list[int | str] = []
    for part in _parts(value):
        first, dash, last = (bound.strip() for bound in str(part).partition("-"))
        if not _is_digits(first) or (dash and not _is_digits(last)):
            chosen.append(str(part).strip())
        else:
            chosen += range(int(first), int(last if dash else first) + 1)
        if "" in chosen or len(chosen) > MOST_NUMBERS:
            raise ValueError(value)
    if not chosen:
        raise ValueError(value)
    return tuple(dict.fromkeys(chosen))


def named_options(value: str | Mapping[str, object]) -> dict[str, object]:
    """Options of a network: `dropout=0.3,batch_norm=False`; a value is a Python literal or text."""
    if isinstance(value, Mapping):
        return {str(name): python_value(option) for name, option in value.items()}
    options = {}
    for part in str.split(value, ","):
        name, equals, text = (word.strip() for word in part.partition("="))
        if not equals or "=" in text or not name:
            raise ValueError(value)
        try:
            options[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[name] = text
    return options


def natural_order(name: str) -> tuple:
    """Sorting key by which `class2` comes before `class10`."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def as_text(value: object) -> str:
    """A value as its flag takes it: the inverse of the parsers."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={option}" for name, option in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def python_value(value: object) -> object:
    """A NumPy scalar as a Python number; anything else unchanged."""
    return value.item() if getattr(value, "shape", None) == () else value


def _parts(value):
    if isinstance(value, str):
        return value.split(",")
    return list(value) if isinstance(value, Iterable) else [value]


def _whole(value):
    """An int from text of ASCII digits, or from an integer."""
    if isinstance(value, str):
        if not _is_digits(value.strip()):
            raise ValueError(value)
        return int(value)
    return whole_number("a part", value, 0)


def _is_digits(text):
    return text.isascii() and text.isdecimal() and len(text) < 6
