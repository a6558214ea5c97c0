"""The two forms that a network comes in: for photographs, and for images as small as CIFAR's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from tfresnet.errors import InputError

SMALL_IMAGE = 64  # up to this side the strides of an ImageNet stem would leave too little to see
Row = TypeVar("Row")


def is_small(input_shape) -> bool:
    """Whether the larger side is known and no longer than `SMALL_IMAGE`."""
    sides = [side for side in input_shape[:2] if isinstance(side, int)]
    return bool(sides) and max(sides) <= SMALL_IMAGE


def choose_form(forms: Mapping[str, Row], form: str, network: str, *, input_shape, **others) -> Row:
    """The row "imagenet" or "cifar" of `forms`; "auto": the second for small images.

    `input_shape` and `others`, fields of the row, take the place of its own unless they are None.

    Raises:
        InputError: another form.
    """
    if form == "auto":
        form = "cifar" if input_shape is not None and is_small(input_shape) else "imagenet"
    if form not in forms:
        known = ", ".join(repr(name) for name in ("auto", *forms))
        raise InputError(f"form of {network} must be one of {known}. Received: {form!r}")
    given = {"input_shape": input_shape, **others}
    return replace(forms[form], **{k: v for k, v in given.items() if v is not None})
