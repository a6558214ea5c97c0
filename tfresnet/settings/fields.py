"""Fields of a settings class: a rule, a parser, words for the help, and what they decide."""

import math
import types
import typing
from collections.abc import Callable
from dataclasses import Field, field
from enum import StrEnum
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.settings import values


class Role(StrEnum):
    """What a setting decides. Only `WHAT` identifies a run: two runs that agree there are the same.

    WHAT: what is computed. HOW: in which arithmetic and on which devices, so the rounding.
    WHERE: where the data lie on this machine. RECORD: what is kept of the run, and where.
    """

    WHAT = "what"
    HOW = "how"
    WHERE = "where"
    RECORD = "record"


def setting(
    default: object,
    help: str,
    rule: str | None = None,
    accepts: Callable[[object], bool] | None = None,
    choices: tuple[str, ...] | None = None,
    parse: Callable[[object], object] | None = None,
    metavar: str | None = None,
    role: Role = Role.WHAT,
):
    """A field. `parse(value)` must succeed and `accepts(value)` hold, else the error shows `rule`.

    Args:
        metavar: what `--help` shows in place of the value; None: by the type of the field.
    """
    if choices:
        rule, accepts = f"one of {', '.join(choices)}", choices.__contains__
    return field(
        default=default,
        metadata={
            "help": help,
            "rule": rule,
            "accepts": accepts,
            "choices": choices,
            "parse": parse,
            "metavar": metavar,
            "role": role,
        },
    )


def at_least(low, default, help, **more):
    return setting(default, help, f"at least {low}", lambda value: value >= low, **more)


def within(low, high, default, help):
    """A finite number in [low, high)."""
    rule = f"a number from {low} to below {high}" if high < math.inf else f"a number from {low}"
    return setting(default, help, rule, lambda value: low <= value < high)


def above_0(default, help, **more):
    rule = "a number above 0"
    return setting(default, help, rule, lambda value: 0 < value < math.inf, **more)


def parsed(parse, metavar, rule, help, **more):
    return setting(None, help, rule, parse=parse, metavar=metavar, **more)


def channels(help):
    return parsed(values.channels, "R,G,B", "three numbers R,G,B", help)


def checked(item: Field, value: object, hint: object) -> object:
    """`value` in the one form that the field `item` has inside.

    Raises:
        InputError: with the rule of the field.
    """
    metadata = item.metadata
    if metadata["parse"] is None:
        value = _checked_type(item.name, value, hint)
    elif value is not None:
        try:
            return metadata["parse"](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise _refused(item, value) from error
    if value is not None and metadata["accepts"] and not metadata["accepts"](value):
        raise _refused(item, value)
    return value


def _refused(item, value):
    return InputError(f"{item.name} must be {item.metadata['rule']}. Received: {value!r}")


def _checked_type(name, value, hint):
    """`value` as the field's own type, if it is one: NumPy's numbers are numbers, a whole one will
    do for a float, and True is none."""
    optional = typing.get_origin(hint) is types.UnionType
    kind = typing.get_args(hint)[0] if optional else hint
    if value is None and optional:
        return None
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    accepted = {float: (int, float), str: (str, Path)}.get(kind, kind)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        given = f"{value!r} of type {type(value).__name__}"
        raise InputError(f"{name} must be of type {kind.__name__}. Received: {given}")
    try:
        value = kind(value)
    except OverflowError:  # a whole number beyond all floats
        value = math.inf if value > 0 else -math.inf
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"{name} must not hold a zero byte. Received: {value!r}")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        # Bytes of an argument that are no text, or half a character out of JSON.
        raise InputError(f"{name} must be text. Received: {value!r}")
    return value
