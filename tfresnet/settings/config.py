"""The settings of a run: one dataclass, from which the flags, the checks and the file are made."""

import dataclasses
import difflib
import math
import typing
from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.settings import fields, values
from tfresnet.settings.fields import Role
from tfresnet.settings.recipes import EARLIER, OPTIMIZERS, PADDING_MODES, RECIPES, recipe_for
from tfresnet.settings.schedules import LR_SCHEDULERS

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("auto", "none", "mirrored", "multiworker")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run. None means "as the recipe has it" where it has a value.

    Raises:
        InputError: a value of the wrong type or out of its range.
    """

    model: str = fields.setting("resnet18", "network to train; see tfresnet.list_models()")
    dataset: str = fields.setting("cifar10", "data set: cifar10, folder or shapes10 (built in)")
    data_dir: str | None = fields.setting(
        None, "folder or archive of the data set", metavar="DIR", role=Role.WHERE
    )
    classes: tuple[int | str, ...] | None = fields.parsed(
        values.classes,
        "A,B-C",
        "numbers or names of classes, as 0-4 or 0,2,5-7 or cat,dog",
        "classes to keep, by number or name, as 0-4 or cat,dog, numbered anew (default: all)",
    )
    image_size: int | None = fields.at_least(
        8, None, "side in pixels to which pictures of a folder are brought (default: 64)"
    )
    skip_broken: bool = fields.setting(False, "leave out broken pictures of a folder")
    val_size: int | None = fields.at_least(
        0, None, "training images held out for validation (default: val/ of a folder, or a tenth)"
    )
    train_size: int | None = fields.at_least(
        1, None, "training images to use, the same share of each class (default: all)"
    )
    recipe: str = fields.setting("fast", "settings to start from", choices=tuple(RECIPES))
    epochs: int | None = fields.at_least(1, None, "passes over the training images")
    max_steps: int | None = fields.at_least(1, None, "steps in all, in place of epochs")
    batch_size: int | None = fields.at_least(1, None, "images a step")
    opt: str | None = fields.setting(None, "optimiser; see training/muon.py", choices=OPTIMIZERS)
    lr: float | None = fields.above_0(None, "highest learning rate")
    muon_lr: float | None = fields.above_0(
        None, "highest learning rate of kernels, with --opt muon"
    )
    lr_scheduler: str | None = fields.setting(
        None, "course of the rate after warm-up", choices=LR_SCHEDULERS
    )
    warmup_epochs: float | None = fields.within(0, math.inf, None, "epochs of linear warm-up")
    momentum: float | None = fields.within(0, 1, None, "momentum of SGD")
    nesterov: bool | None = fields.setting(None, "Nesterov's form of the momentum")
    weight_decay: float | None = fields.within(
        0, math.inf, None, "L2 decay, coupled as in the paper"
    )
    label_smoothing: float | None = fields.within(0, 1, None, "share spread over all classes")
    image_sizes: tuple[int, ...] | None = fields.parsed(
        values.rising_sides,
        "N,N",
        "rising sides from 8 pixels on, as 24,32",
        "sides in pixels of the images that are trained on, from small to whole, as 24,32: the "
        "small ones share two thirds of the epochs (default: whole images)",
    )
    ema: float | None = fields.within(
        0, 1, None, "average the weights: the share that stays in each step, 0 for no average"
    )
    target_top1: float | None = fields.setting(
        None,
        "stop when validation reaches this, in percent",
        "above 0 and at most 100",
        lambda value: 0 < value <= 100,
    )
    augment: bool = fields.setting(True, "random crops (4 pixels of padding) and mirrored images")
    padding_mode: str | None = fields.setting(
        None, "what crops show beyond an image's border: black, or itself", choices=PADDING_MODES
    )
    shortcut: str = fields.setting(
        "auto", "shortcuts of a residual network", choices=("auto", "A", "B", "C")
    )
    zero_init_residual: bool = fields.setting(False, "start every residual unit as the identity")
    model_option: dict[str, object] | None = fields.parsed(  # noqa: RUF009
        values.named_options,
        "NAME=VALUE",
        "NAME=VALUE, several separated by commas",
        "what only this network has, as NAME=VALUE,NAME=VALUE (dropout=0.3; see its file)",
    )
    weights: str | None = fields.setting(
        None,
        "run, weights file (Keras, safetensors, PyTorch) or shipped name to start from",
        metavar="SOURCE",
    )
    mean: tuple[float, ...] | None = fields.channels(
        "mean of the pixels in 0..1 (default: the weights' or the data's)"
    )
    std: tuple[float, ...] | None = fields.channels("deviation of the pixels; goes with mean")
    transfer: str = fields.setting(
        "all",
        "what of the network is trained: all, the last stages, or the classifier alone (head: on "
        "features that are computed once, without augmentation)",
        choices=("all", "last", "head"),
    )
    train_stages: int | None = fields.at_least(
        1, None, "stages that transfer=last trains, beside the classifier (default: 1)"
    )
    precision: str = fields.setting(
        "auto", "arithmetic of the activations", choices=PRECISIONS, role=Role.HOW
    )
    strategy: str = fields.setting(
        "auto",
        "devices that share each batch: all GPUs (mirrored), the workers of TF_CONFIG "
        "(multiworker); auto: what is there",
        choices=STRATEGIES,
        role=Role.HOW,
    )
    remat: bool = fields.setting(
        False,
        "keep one activation a unit and compute the rest again: less memory, more time",
        role=Role.HOW,
    )
    seed: int = fields.setting(
        0, "decides everything random", "from 0 to 2**31 - 1", lambda value: 0 <= value < 2**31
    )
    output_dir: str = fields.setting(
        "logs", "folder of the run folders", metavar="DIR", role=Role.RECORD
    )
    name: str | None = fields.setting(
        None,
        "name of the run folder (default: model, data set and time)",
        "a plain folder name",
        lambda value: value not in ("", ".", "..") and not set(value) & set("/\\\0"),
        role=Role.RECORD,
    )
    checkpoint_minutes: float = fields.above_0(
        5.0, "most work at risk, in minutes", role=Role.RECORD
    )
    histograms: int = fields.at_least(
        0,
        0,
        "epochs between histograms of weights and gradients in TensorBoard; 0: none",
        role=Role.RECORD,
    )
    profile_steps: tuple[int, int] | None = fields.parsed(
        values.step_range,
        "A,B",
        "two step numbers A,B with 1 <= A <= B",
        "steps to profile, as A,B (to see them: pip install tensorboard-plugin-profile)",
        role=Role.RECORD,
    )

    def __post_init__(self):
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = fields.checked(item, getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)

    def resolved(self) -> "TrainConfig":
        """The same settings with the recipe's values filled in; one of epochs and max_steps.

        With `max_steps` the recipe's warm-up waits for `with_warmup`.
        """
        if self.epochs and self.max_steps:
            raise InputError(
                "max_steps takes the place of epochs, so only one of them can be given. "
                f"Received: {self.max_steps} and {self.epochs}"
            )
        recipe = self._checked_transfer() | recipe_for(self.model, self.recipe)
        warmup_fraction = recipe.pop("warmup_fraction")
        if self.epochs or self.max_steps:
            recipe |= {"epochs": None, "max_steps": None}
        recipe |= {name: value for name in recipe if (value := getattr(self, name)) is not None}
        if self.warmup_epochs is None and (recipe["epochs"] or not warmup_fraction):
            recipe["warmup_epochs"] = warmup_fraction * (recipe["epochs"] or 0)
        config = dataclasses.replace(self, **recipe)
        if config.epochs:
            config._check_warmup(config.epochs)
        return config

    def with_warmup(self, steps_per_epoch: int) -> "TrainConfig":
        """Resolved settings with the warm-up, which needs the length of an epoch with `max_steps`.

        Raises:
            InputError: the warm-up is longer than the run.
        """
        epochs = self.epochs or self.max_steps / steps_per_epoch
        if self.warmup_epochs is None:
            fraction = recipe_for(self.model, self.recipe)["warmup_fraction"]
            return dataclasses.replace(self, warmup_epochs=fraction * epochs)
        self._check_warmup(epochs)
        return self

    def _check_warmup(self, epochs):
        if self.warmup_epochs > epochs:
            raise InputError(
                f"warmup_epochs must be at most the epochs of the run ({epochs:g}). "
                f"Received: {self.warmup_epochs:g}"
            )

    def _checked_transfer(self):
        if self.transfer != "all" and self.weights is None:
            raise InputError(
                f"transfer must be all without weights to start from. Received: {self.transfer!r}"
            )
        if self.train_stages and self.transfer != "last":
            raise InputError(
                f"train_stages must come with transfer=last. Received: {self.train_stages}"
            )
        for name in ("ema", "image_sizes", "remat") if self.transfer == "head" else ():
            if value := getattr(self, name):
                raise InputError(
                    f"{name} must not be given with transfer=head, which trains one layer on "
                    f"features that are computed once. Received: {values.as_text(value)}"
                )
        return {"train_stages": 1} if self.transfer == "last" else {}

    def of(self, *roles: Role) -> dict:
        """The settings of these roles."""
        names = [item.name for item in dataclasses.fields(self) if item.metadata["role"] in roles]
        return {name: getattr(self, name) for name in names}

    @property
    def identity(self) -> dict:
        """What identifies a run: the settings that decide what is computed."""
        return self.of(Role.WHAT)

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
