"""The one budget of all trainings, so that studies share their runs.

Every value is named here, whatever a recipe has: 10 epochs of the 45,000 images of CIFAR-10 that
are not held out, warm-up and a straight line down to zero, and nothing that only a residual network
has (no zero gamma at the end of a branch), or shortcuts would not be all that differs.
"""

from tfresnet.settings.config import TrainConfig

WARMUP = 0.2  # of all epochs
BUDGET = {
    "dataset": "cifar10",
    "val_size": 5000,
    "train_size": None,
    "recipe": "paper",  # decides nothing: all of its values are below
    "epochs": 10,
    "image_sizes": None,
    "batch_size": 64,
    "opt": "sgd",
    "lr": 0.1,
    "lr_scheduler": "linear",
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "label_smoothing": 0.0,
    "ema": 0.0,
    "augment": True,
    "padding_mode": "constant",
    "shortcut": "auto",
    "zero_init_residual": False,
    "model_option": None,
    "classes": None,
    "weights": None,
    "transfer": "all",
    "seed": 0,
}
# For networks without residual units, which are small or cost much: a tenth of the images or less.
SMALL = {"train_size": 10_000, "epochs": 10, "lr": 0.02}

# `--quick`: the same code in seconds. It shows that a study works, and nothing about its claim.
QUICK = {"dataset": "shapes10", "val_size": 200, "train_size": 640, "epochs": 2}
_DEEP = ("resnet20", "resnet32", "resnet44", "resnet56", "wrn16_2")
_LARGE = ("resnet18", "resnet34", "resnet50", "resnet101")
STAND_INS = {**dict.fromkeys((*_DEEP, *_LARGE), "resnet8"), "plain56": "plain20"}
STAND_INS |= {"alexnet": "cnn3", "nin": "cnn3"}


def config_of(differences: dict, quick: bool = False) -> TrainConfig:
    """The resolved settings of a run from what differs from the budget; `model` is one of them.

    `weights` may be what differs in another run, from which this one starts: its name is given.
    """
    settings = {key: value for key, value in (BUDGET | differences).items() if key != "name"}
    if settings["weights"]:
        settings["weights"] = name_of(settings["weights"], quick)
    if quick:
        settings |= QUICK | {"model": _stand_in(settings["model"])}
    return TrainConfig(**settings, warmup_epochs=WARMUP * settings["epochs"]).resolved()


def name_of(differences: dict, quick: bool = False) -> str:
    """The name of a run, the same for the same settings: `resnet20-shortcut_B`; or the `name` among
    the differences, where there are many."""
    if "name" in differences:
        return differences["name"]
    parts = [_stand_in(differences["model"]) if quick else differences["model"]]
    for key, usual in BUDGET.items():
        value = differences.get(key, usual)
        if value != usual and not (quick and key in QUICK):
            parts.append(f"{key}_{value}".removeprefix("model_option_").replace("=", "_"))
    return "-".join(parts)


def _stand_in(model):
    return STAND_INS.get(model, model)
