"""What means "the input is wrong", as opposed to "the program is wrong"."""

import math
import operator


class InputError(ValueError):
    """Bad input from the user: an argument, a flag, a file or a folder.

    The message is one line (what, the rule, what was received), ready to be shown as it is. The
    scripts print it and exit with status 2; any other exception keeps its traceback.
    """


class RunError(Exception):
    """A run broke off because of the disk, the data or the numbers, not of an error in the code.

    The message is one line: the cause, what is left, how to go on. The scripts print it and exit
    with status 1.
    """


def whole_number(name: str, value: object, least: int = 1) -> int:
    """`value` as an int if it is a whole number, NumPy's too, of at least `least`.

    Raises:
        InputError: a type that is none (`True` is an answer, no number), or a smaller one.
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


def channel_numbers(name: str, text: str) -> tuple[float, ...]:
    """The three numbers of `0.485,0.456,0.406`, one a channel.

    Raises:
        InputError: other text.
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise InputError(f"{name} must be three numbers R,G,B. Received: {text!r}")
    return numbers
