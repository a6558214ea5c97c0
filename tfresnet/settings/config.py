"""The settings of a run as one dataclass; the flags, the checks and config.json follow from it."""

import dataclasses
import difflib
import math
import typing
from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.settings import values
from tfresnet.settings.fields import Role, above_0, at_least, check, parsed_by, setting, within
from tfresnet.settings.pixels import PIXELS, PIXELS_HELP
from tfresnet.settings.recipes import EARLIER, OPTIMIZERS, PADDING_MODES, RECIPES, recipe_for
from tfresnet.settings.schedules import LR_SCHEDULERS

PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
CONV_FORMS = ("auto", "library", "avx2", "avx512_bf16", "amx")
STRATEGIES = ("auto", "none", "mirrored", "multiworker")
_CHANNELS = values.channels, "R,G,B", "three numbers R,G,B"


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run. Where the recipe has a value, None stands for it. Raises `InputError`
    for a value of the wrong type or out of range."""

    model: str = setting("resnet18", "network to train; see tfresnet.list_models()")
    dataset: str = setting("cifar10", "data set: cifar10, folder or shapes10 (built in)")
    data_dir: str | None = setting(None, "data folder or archive", metavar="DIR", role=Role.WHERE)
    classes: tuple[int | str, ...] | None = parsed_by(
        values.classes,
        "A,B-C",
        "numbers or names of classes, as 0-4 or 0,2,5-7 or cat,dog",
        "classes to keep, by number or name, as 0-4 or cat,dog, numbered anew (default: all)",
    )
    image_size: int | None = at_least(8, None, "side in pixels of folder pictures (default: 64)")
    skip_broken: bool = setting(False, "skip broken pictures of a folder")
    coarse_labels: bool = setting(False, "the 20 groups of cifar100's classes instead of the 100")
    val_size: int | None = at_least(0, None, "images to hold out (default: val/, or a tenth)")
    train_size: int | None = at_least(1, None, "training images to use, balanced (default: all)")
    recipe: str = setting("fast", "settings to start from", choices=tuple(RECIPES))
    epochs: int | None = at_least(1, None, "passes over the training images")
    max_steps: int | None = at_least(1, None, "total number of steps, instead of epochs")
    batch_size: int | None = at_least(1, None, "images per step")
    opt: str | None = setting(None, "optimiser; see its file in training/", choices=OPTIMIZERS)
    lr: float | None = above_0(None, "peak learning rate")
    muon_lr: float | None = above_0(None, "peak learning rate of kernels, with --opt muon")
    lr_scheduler: str | None = setting(None, "schedule after the warm-up", choices=LR_SCHEDULERS)
    warmup_epochs: float | None = within(0, math.inf, None, "epochs of linear warm-up")
    momentum: float | None = within(0, 1, None, "momentum of SGD")
    nesterov: bool | None = setting(None, "use Nesterov momentum")
    weight_decay: float | None = within(0, math.inf, None, "L2 decay, coupled as in the paper")
    label_smoothing: float | None = within(0, 1, None, "share spread over all classes")
    class_weight: str = setting(
        "none",
        "weight of a class in the loss; balanced: the fewer images, the more",
        choices=("none", "balanced"),
    )
    image_sizes: tuple[int, ...] | None = parsed_by(
        values.rising_sides,
        "N,N",
        "rising sides from 8 pixels on, as 24,32",
        "sides in pixels of the training images, from small to full size, as 24,32: the small ones "
        "share two thirds of the epochs (default: full size)",
    )
    ema: float | None = within(0, 1, None, "decay per step of the averaged weights; 0: no average")
    target_top1: float | None = setting(
        None,
        "validation top-1 to stop at, in percent",
        "above 0 and at most 100",
        lambda x: 0 < x <= 100,
    )
    augment: bool = setting(True, "random crops (4 pixels of padding) and mirrored images")
    padding_mode: str | None = setting(None, "padding of random crops", choices=PADDING_MODES)
    uncropped_fraction: float | None = setting(
        None,
        "share of the epochs, at the end, without crops: whole images, as in the test",
        "a number from 0 to 1",
        lambda value: 0 <= value <= 1,
    )
    shortcut: str = setting("auto", "residual shortcuts", choices=("auto", "A", "B", "C"))
    zero_init_residual: bool = setting(False, "start every residual unit as the identity")
    model_option: dict[str, object] | None = parsed_by(  # noqa: RUF009
        values.named_options,
        "NAME=VALUE",
        "NAME=VALUE, several separated by commas",
        "options of this network only, as NAME=VALUE,NAME=VALUE (dropout=0.3; see its file)",
    )
    weights: str | None = setting(
        None, "run, weights file (Keras, PyTorch, ...) or shipped name", metavar="SOURCE"
    )
    mean: tuple[float, ...] | None = parsed_by(
        *_CHANNELS, "mean of the pixels in 0..1 (default: the weights' or the data's)"
    )
    std: tuple[float, ...] | None = parsed_by(*_CHANNELS, "deviation of the pixels, with mean")
    pixels: str | None = setting(None, PIXELS_HELP, choices=tuple(PIXELS))
    transfer: str = setting(
        "all",
        "part of the network to train: all, the last stages, or the classifier alone (head: on "
        "features that are computed once, without augmentation)",
        choices=("all", "last", "head"),
    )
    train_stages: int | None = at_least(1, None, "stages that transfer=last trains (default: 1)")
    precision: str = setting("auto", "arithmetic of layers", choices=PRECISIONS, role=Role.HOW)
    conv_forms: str = setting(
        "auto",
        "forms of the convolutions' gradients, measured on a kind of processor; auto: this one",
        choices=CONV_FORMS,
        role=Role.HOW,
    )
    strategy: str = setting(
        "auto",
        "devices that share each batch: all GPUs (mirrored), the workers of TF_CONFIG "
        "(multiworker); auto: what is there",
        choices=STRATEGIES,
        role=Role.HOW,
    )
    remat: bool = setting(False, "recompute activations to save memory", role=Role.HOW)
    seed: int = setting(0, "random seed", "from 0 to 2**31 - 1", lambda value: 0 <= value < 2**31)
    output_dir: str = setting("logs", "folder of the run folders", metavar="DIR", role=Role.RECORD)
    name: str | None = setting(
        None,
        "name of the run folder (default: model, data set and time)",
        "a plain folder name",
        lambda value: value not in ("", ".", "..") and not set(value) & set("/\\\0"),
        role=Role.RECORD,
    )
    checkpoint_minutes: float = above_0(5.0, "minutes between checkpoints", role=Role.RECORD)
    keep_best: bool = setting(
        False,
        "also keep the model of the epoch with the best validation, as best.keras",
        role=Role.RECORD,
    )
    histograms: int = at_least(0, 0, "epochs between histograms; 0: none", role=Role.RECORD)
    profile_steps: tuple[int, int] | None = parsed_by(
        values.step_range,
        "A,B",
        "two step numbers A,B with 1 <= A <= B",
        "steps to profile, as A,B (to see them: pip install tensorboard-plugin-profile)",
        role=Role.RECORD,
    )

    def __post_init__(self):
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):
            value = check(item, getattr(self, item.name), hints[item.name])
            object.__setattr__(self, item.name, value)

    def resolved(self) -> "TrainConfig":
        """The settings with the recipe's values filled in, and one of epochs and max_steps. With
        `max_steps`, `with_warmup` fills in the recipe's warm-up."""
        if self.epochs and self.max_steps:
            raise InputError(
                "max_steps takes the place of epochs, so only one of them can be given. "
                f"Received: {self.max_steps} and {self.epochs}"
            )
        self._check_transfer()
        recipe = recipe_for(self.model, self.recipe)
        if self.transfer == "last":
            recipe["train_stages"] = 1
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
        """Resolved settings with the warm-up, which with `max_steps` depends on `steps_per_epoch`.
        Raises `InputError` if it is longer than the run."""
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

    def _check_transfer(self):
        if self.transfer != "all" and self.weights is None:
            raise InputError(
                f"transfer must be all without weights to start from. Received: {self.transfer!r}"
            )
        known = self.pixels and (None, PIXELS[self.pixels][0])
        if known and (self.mean not in known or self.weights is None):
            raise InputError(
                "pixels must come with weights, in place of mean and std. "
                f"Received: {self.pixels!r}"
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

    def select(self, *roles: Role) -> dict:
        """The settings with one of `roles`, by name."""
        names = [item.name for item in dataclasses.fields(self) if item.metadata["role"] in roles]
        return {name: getattr(self, name) for name in names}

    @property
    def identity(self) -> dict:
        """The settings that identify a run: they decide what it computes."""
        return self.select(Role.WHAT)

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "TrainConfig":
        """The inverse of `to_dict`, also of earlier versions. Raises `InputError` for a bad key."""
        if not isinstance(values, dict):
            raise InputError(f"settings must be a mapping. Received: {type(values).__name__}")
        known = [item.name for item in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f" (nearest: {near[0]})" if near else ""
                raise InputError(f"settings must be fields of TrainConfig{hint}. Received: {key!r}")
        return cls(**EARLIER | values)


if TrainConfig.__doc__:  # absent under -OO
    TrainConfig.__doc__ += "\n\n" + "\n".join(
        f"    {item.name}: {item.metadata['help']}" for item in dataclasses.fields(TrainConfig)
    )
