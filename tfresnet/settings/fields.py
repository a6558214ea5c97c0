"""Dataclass fields that carry a setting's help text, rule, parser and role."""

import math
import types
import typing
from dataclasses import Field, field
from enum import StrEnum
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.settings import values


class Role(StrEnum):
    """What a setting decides. Two runs with equal `WHAT` settings count as the same run.

    WHAT: what is computed. HOW: precision and devices, which decide the rounding. WHERE: the place
    of the data on this machine. RECORD: what is kept of the run, and where.
    """

    WHAT = "what"
    HOW = "how"
    WHERE = "where"
    RECORD = "record"


def setting(
    default, help, rule=None, accepts=None, choices=(), parse=None, metavar=None, role=Role.WHAT
):
    """A field whose value must satisfy `accepts` or be parsed by `parse`. `rule` follows "must be"
    in the error message; `metavar` stands for the value in `--help`."""
    if choices:
        rule, accepts = f"one of {', '.join(choices)}", choices.__contains__
    metadata = {"help": help, "rule": rule, "accepts": accepts, "choices": choices}
    metadata |= {"parse": parse, "metavar": metavar, "role": role}
    return field(default=default, metadata=metadata)


def at_least(low, default, help, **more):
    return setting(default, help, f"at least {low}", lambda value: value >= low, **more)


def within(low, high, default, help):
    """A finite number in [low, high)."""
    rule = f"a number from {low} to below {high}" if high < math.inf else f"a number from {low}"
    return setting(default, help, rule, lambda value: low <= value < high)


def above_0(default, help, **more):
    rule = "a number above 0"
    return setting(default, help, rule, lambda value: 0 < value < math.inf, **more)


def parsed_by(parse, metavar, rule, help, **more):
    return setting(None, help, rule, parse=parse, metavar=metavar, **more)


def check(item: Field, value: object, hint: object) -> object:
    """`value` converted to the type of `item`. Raises `InputError` with the rule of the field."""
    metadata = item.metadata
    if metadata["parse"] is None:
        value = _check_type(item.name, value, hint)
    elif value is not None:
        try:
            return metadata["parse"](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise _refusal(item, value) from error
    if value is not None and metadata["accepts"] and not metadata["accepts"](value):
        raise _refusal(item, value)
    return value


def _refusal(item, value):
    return InputError(f"{item.name} must be {item.metadata['rule']}. Received: {value!r}")


def _check_type(name, value, hint):
    """Converts NumPy's numbers to Python's, and an int to a float; a bool is not a number."""
    optional = typing.get_origin(hint) is types.UnionType
    kind = typing.get_args(hint)[0] if optional else hint
    if value is None and optional:
        return None
    value = values.python_value(value)
    accepted = {float: (int, float), str: (str, Path)}.get(kind, kind)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        given = f"{value!r} of type {type(value).__name__}"
        raise InputError(f"{name} must be of type {kind.__name__}. Received: {given}")
    try:
        value = kind(value)
    except OverflowError:  # an int larger than every float
        value = math.inf if value > 0 else -math.inf
    if isinstance(value, int) and abs(value) >= 2**63:
        raise InputError(f"{name} must fit into 64 bits. Received: {value!r}")
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"{name} must not hold a zero byte. Received: {value!r}")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        # An argument with bytes that are not text, or half a character from JSON.
        raise InputError(f"{name} must be text. Received: {value!r}")
    return value
