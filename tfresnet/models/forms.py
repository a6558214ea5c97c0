"""The two forms that a network comes in: for photographs, and for images as small as CIFAR's."""

from collections.abc import Mapping
from typing import TypeVar

from tfresnet.errors import InputError

SMALL_IMAGE = 64  # up to this side the strides of an ImageNet stem would leave too little to see
Row = TypeVar("Row")


def is_small(input_shape) -> bool:
    """Whether the larger side is known and no longer than `SMALL_IMAGE`."""
    sides = [side for side in input_shape[:2] if isinstance(side, int)]
    return bool(sides) and max(sides) <= SMALL_IMAGE


def choose_form(forms: Mapping[str, Row], form: str, input_shape, network: str) -> Row:
    """The row "imagenet" or "cifar" of `forms`; "auto": the second for small images.

    Raises:
        InputError: another form.
    """
    if form == "auto":
        form = "cifar" if input_shape is not None and is_small(input_shape) else "imagenet"
    if form not in forms:
        known = ", ".join(repr(name) for name in ("auto", *forms))
        raise InputError(f"form of {network} must be one of {known}. Received: {form!r}")
    return forms[form]
