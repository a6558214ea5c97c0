"""The settings of a run: one dataclass, from which the flags, the checks and the file are made."""

import contextlib
import dataclasses
import difflib
import math
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path

from tfresnet.devices import STRATEGIES
from tfresnet.errors import InputError, channel_numbers
from tfresnet.hardware import PRECISIONS
from tfresnet.training.recipes import EARLIER, OPTIMIZERS, PADDING_MODES, RECIPES, recipe_for
from tfresnet.training.schedules import LR_SCHEDULERS


def _setting(default, help, rule=None, accepts=None, choices=None):
    """A field: `accepts(value)` must hold, else the error shows `rule` in words."""
    if choices:
        rule, accepts = f"one of {', '.join(choices)}", choices.__contains__
    metadata = {"help": help, "rule": rule, "accepts": accepts, "choices": choices}
    return field(default=default, metadata=metadata)


def _at_least(low, default, help):
    return _setting(default, help, f"at least {low}", lambda value: value >= low)


def _within(low, high, default, help):
    """A finite number in [low, high)."""
    rule = f"a number from {low} to below {high}" if high < math.inf else f"a number from {low}"
    return _setting(default, help, rule, lambda value: low <= value < high)


def _above_0(default, help):
    return _setting(default, help, "a number above 0", lambda value: 0 < value < math.inf)


def _channels(help):
    return _setting(None, help, "three numbers R,G,B", lambda value: _are_channels(value))


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run. None means "as the recipe has it" where it has a value.

    Raises:
        InputError: a value of the wrong type or out of its range.
    """

    model: str = _setting("resnet18", "network to train; see tfresnet.list_models()")
    dataset: str = _setting("cifar10", "data set: cifar10, folder or shapes10 (built in)")
    data_dir: str | None = _setting(None, "folder or archive of the data set")
    classes: str | None = _setting(
        None, "classes to keep, by number, as 0-4 or 0,2,5-7, numbered anew (default: all)"
    )
    image_size: int | None = _at_least(
        8, None, "side in pixels to which pictures of a folder are brought (default: 64)"
    )
    skip_broken: bool = _setting(False, "leave out broken pictures of a folder")
    val_size: int | None = _at_least(
        0, None, "training images held out for validation (default: val/ of a folder, or a tenth)"
    )
    train_size: int | None = _at_least(
        1, None, "training images to use, the same share of each class (default: all)"
    )
    recipe: str = _setting("fast", "settings to start from", choices=tuple(RECIPES))
    epochs: int | None = _at_least(1, None, "passes over the training images")
    max_steps: int | None = _at_least(1, None, "steps in all, in place of epochs")
    batch_size: int | None = _at_least(1, None, "images a step")
    opt: str | None = _setting(None, "optimiser; see training/muon.py", choices=OPTIMIZERS)
    lr: float | None = _above_0(None, "highest learning rate")
    muon_lr: float | None = _above_0(None, "highest learning rate of kernels, with --opt muon")
    lr_scheduler: str | None = _setting(
        None, "course of the rate after warm-up", choices=LR_SCHEDULERS
    )
    warmup_epochs: float | None = _within(0, math.inf, None, "epochs of linear warm-up")
    momentum: float | None = _within(0, 1, None, "momentum of SGD")
    nesterov: bool | None = _setting(None, "Nesterov's form of the momentum")
    weight_decay: float | None = _within(0, math.inf, None, "L2 decay, coupled as in the paper")
    label_smoothing: float | None = _within(0, 1, None, "share spread over all classes")
    image_sizes: str | None = _setting(
        None,
        "sides in pixels of the images that are trained on, from small to whole, as 24,32: the "
        "small ones share two thirds of the epochs (default: whole images)",
        "rising sides from 8 pixels on, as 24,32",
        lambda value: _are_rising(value),
    )
    ema: float | None = _within(
        0, 1, None, "average the weights: the share that stays in each step, 0 for no average"
    )
    target_top1: float | None = _setting(
        None,
        "stop when validation reaches this, in percent",
        "above 0 and at most 100",
        lambda value: 0 < value <= 100,
    )
    augment: bool = _setting(True, "random crops (4 pixels of padding) and mirrored images")
    padding_mode: str | None = _setting(
        None, "what crops show beyond an image's border: black, or itself", choices=PADDING_MODES
    )
    shortcut: str = _setting(
        "auto", "shortcuts of a residual network", choices=("auto", "A", "B", "C")
    )
    zero_init_residual: bool = _setting(False, "start every residual unit as the identity")
    model_option: str | None = _setting(
        None,
        "what only this network has, as NAME=VALUE,NAME=VALUE (dropout=0.3; see its file)",
        "NAME=VALUE, several separated by commas",
        lambda value: all(part.count("=") == 1 for part in value.split(",")),
    )
    weights: str | None = _setting(
        None, "run, weights file (Keras, safetensors, PyTorch) or shipped name to start from"
    )
    mean: str | None = _channels("mean of the pixels in 0..1 (default: the weights' or the data's)")
    std: str | None = _channels("deviation of the pixels; goes with mean")
    transfer: str = _setting(
        "all",
        "what of the network is trained: all, the last stages, or the classifier alone (head: on "
        "features that are computed once, without augmentation)",
        choices=("all", "last", "head"),
    )
    train_stages: int | None = _at_least(
        1, None, "stages that transfer=last trains, beside the classifier (default: 1)"
    )
    precision: str = _setting("auto", "arithmetic of the activations", choices=PRECISIONS)
    strategy: str = _setting(
        "auto",
        "devices that share each batch: all GPUs (mirrored), the workers of TF_CONFIG "
        "(multiworker); auto: what is there",
        choices=STRATEGIES,
    )
    remat: bool = _setting(
        False, "keep one activation a unit and compute the rest again: less memory, more time"
    )
    seed: int = _setting(
        0, "decides everything random", "from 0 to 2**31 - 1", lambda value: 0 <= value < 2**31
    )
    output_dir: str = _setting("logs", "folder of the run folders")
    name: str | None = _setting(
        None,
        "name of the run folder (default: model, data set and time)",
        "a plain folder name",
        lambda value: value not in ("", ".", "..") and not set(value) & set("/\\\0"),
    )
    checkpoint_minutes: float = _above_0(5.0, "most work at risk, in minutes")
    histograms: int = _at_least(
        0, 0, "epochs between histograms of weights and gradients in TensorBoard; 0: none"
    )
    profile_steps: str | None = _setting(
        None,
        "steps to profile, as A,B (to see them: pip install tensorboard-plugin-profile)",
        "two step numbers A,B with 1 <= A <= B",
        lambda value: _is_range(value),
    )

    def __post_init__(self):
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = _checked_type(item.name, getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)
            accepts = item.metadata["accepts"]
            if value is not None and accepts and not accepts(value):
                raise InputError(
                    f"{item.name} must be {item.metadata['rule']}. Received: {value!r}"
                )

    def resolved(self) -> "TrainConfig":
        """The same settings with the recipe's values filled in; one of epochs and max_steps."""
        if self.epochs and self.max_steps:
            raise InputError(
                "max_steps takes the place of epochs, so only one of them can be given. "
                f"Received: {self.max_steps} and {self.epochs}"
            )
        values = self._checked_transfer() | recipe_for(self.model, self.recipe)
        warmup_fraction = values.pop("warmup_fraction")
        if self.epochs or self.max_steps:
            values |= {"epochs": None, "max_steps": None}
        values |= {name: value for name in values if (value := getattr(self, name)) is not None}
        if self.warmup_epochs is None:
            values["warmup_epochs"] = warmup_fraction * (values["epochs"] or 0)
        config = dataclasses.replace(self, **values)
        if config.epochs and config.warmup_epochs > config.epochs:
            raise InputError(
                f"warmup_epochs must be at most epochs ({config.epochs}). "
                f"Received: {config.warmup_epochs}"
            )
        return config

    def _checked_transfer(self):
        if self.transfer != "all" and self.weights is None:
            raise InputError(
                f"transfer must be all without weights to start from. Received: {self.transfer!r}"
            )
        if self.train_stages and self.transfer != "last":
            raise InputError(
                f"train_stages must come with transfer=last. Received: {self.train_stages}"
            )
        if self.transfer == "head" and self.ema:
            raise InputError(
                "ema must be 0 with transfer=head: a layer alone needs no averages. "
                f"Received: {self.ema}"
            )
        return {"train_stages": 1} if self.transfer == "last" else {}

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "TrainConfig":
        """The inverse of `to_dict`, also of an earlier version's; an unknown key is an error."""
        if not isinstance(values, dict):
            raise InputError(f"settings must be a mapping. Received: {type(values).__name__}")
        known = [item.name for item in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" (nearest: {near[0]})" if near else ""
                raise InputError(f"settings must be fields of TrainConfig{hint}. Received: {key!r}")
        return cls(**EARLIER | values)


def _are_channels(text):
    with contextlib.suppress(InputError):
        return bool(channel_numbers("", text))
    return False


def _are_rising(text):
    sides = text.split(",")
    if not all(side.isascii() and side.isdecimal() and len(side) < 6 for side in sides):
        return False
    sides = [int(side) for side in sides]
    return sides[0] >= 8 and sides == sorted({*sides})


def _is_range(text):
    numbers = text.split(",")
    if len(numbers) != 2 or not all(n.isascii() and n.isdecimal() for n in numbers):
        return False
    return 1 <= int(numbers[0]) <= int(numbers[1])


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
