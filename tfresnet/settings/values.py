"""Values of settings: each is parsed once, from text or from Python, and has one form inside.

A parser takes what a user may give and returns the value, or raises `ValueError`.
"""

import ast
import math
import operator
from collections.abc import Iterable, Mapping

from tfresnet.errors import InputError

MOST_NUMBERS = 100_000  # classes of a data set, say: a range in text must not fill the memory


def whole_number(name: str, value: object, least: int = 1) -> int:
    """`value` as an int of at least `least`. NumPy's integers are integers, `True` is none.

    Raises:
        InputError: another type, or a smaller number.
    """
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


def channels(value: str | Iterable[float]) -> tuple[float, ...]:
    """Three finite numbers, one a channel: `0.485,0.456,0.406`."""
    numbers = tuple(float(number) for number in _parts(value))
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise ValueError(value)
    return numbers


def channel_numbers(name: str, value: str | Iterable[float]) -> tuple[float, ...]:
    """As `channels`, for an argument called `name`.

    Raises:
        InputError: anything but three numbers.
    """
    try:
        return channels(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be three numbers R,G,B. Received: {value!r}") from error


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
    """Numbers and names of classes: `0-4`, `0,2,5-7`, `cat,dog`.

    A part of digits is a number, two of them with a dash between are a range, all else is a name.
    """
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
    """Options of a network: `dropout=0.3,batch_norm=False`. What is no Python literal is text."""
    if isinstance(value, Mapping):
        return {str(name): _own(option) for name, option in value.items()}
    options = {}
    for part in str.split(value, ","):
        name, equals, text = part.partition("=")
        if not equals or "=" in text or not name.strip():
            raise ValueError(value)
        options[name.strip()] = _literal(text.strip())
    return options


def as_text(value: object) -> str:
    """A value as a flag takes it: the inverse of the parsers."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={option}" for name, option in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _parts(value):
    if isinstance(value, str):
        return value.split(",")
    return list(value) if isinstance(value, Iterable) else [value]


def _whole(value):
    """Text of ASCII digits, or an integer that is no bool."""
    if isinstance(value, str):
        if not _is_digits(value.strip()):
            raise ValueError(value)
        return int(value)
    return whole_number("a part", value, 0)


def _is_digits(text):
    return text.isascii() and text.isdecimal() and len(text) < 6


def _own(value):
    """Python's own number for one of NumPy."""
    return value.item() if getattr(value, "shape", None) == () else value


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
