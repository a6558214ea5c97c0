"""One training budget for all runs, so that studies share their runs.

Every setting is listed here, independent of any recipe: 10 epochs of the 45,000 CIFAR-10 images
that are not held out, warm-up, then linear decay to zero. Nothing is used that only residual
networks have, such as a zero gamma at the end of a branch: only the shortcuts may differ.
"""

from tfresnet.settings.config import TrainConfig

WARMUP = 0.2  # of all epochs
BUDGET = {
    "dataset": "cifar10",
    "val_size": 5000,
    "train_size": None,
    "recipe": "paper",  # has no effect: all of its values are below
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
    "class_weight": "none",
    "ema": 0.0,
    "augment": True,
    "padding_mode": "constant",
    "uncropped_fraction": 0.0,
    "shortcut": "auto",
    "zero_init_residual": False,
    "model_option": None,
    "classes": None,
    "weights": None,
    "transfer": "all",
    "seed": 0,
}
# For small or costly networks without residual units: fewer images.
SMALL = {"train_size": 10_000, "epochs": 10, "lr": 0.02}

SEEDS = 3  # trainings of each run, unless a study compares none (its own SEEDS)

# `--quick` runs the same code in seconds, to show that a study works.
QUICK = {"dataset": "shapes10", "val_size": 200, "train_size": 640, "epochs": 2}
_DEEP = ("resnet20", "resnet32", "resnet44", "resnet56", "wrn16_2")
_LARGE = ("resnet18", "resnet34", "resnet50", "resnet101")
STAND_INS = dict.fromkeys((*_DEEP, *_LARGE), "resnet8") | {"plain56": "plain20"}
STAND_INS |= {"alexnet": "cnn3", "nin": "cnn3"}


def make_config(differences: dict, quick: bool = False) -> TrainConfig:
    """The resolved settings of a run.

    Args:
        differences: `model`, and settings that differ from the budget. If `weights` is the
            differences of another run, its name becomes the setting.
        quick: small data and small networks for `--quick`.
    """
    settings = {key: value for key, value in (BUDGET | differences).items() if key != "name"}
    if settings["weights"]:
        settings["weights"] = run_name(settings["weights"], quick)
    if quick:
        settings |= QUICK | {"model": STAND_INS.get(settings["model"], settings["model"])}
    return TrainConfig(**settings, warmup_epochs=WARMUP * settings["epochs"]).resolved()


def with_seed(differences: dict, seed: int) -> dict:
    """The same run and those that it starts from, with another seed."""
    other = {"weights": with_seed(differences["weights"], seed)} if "weights" in differences else {}
    return differences | other | {"seed": seed}


def run_name(differences: dict, quick: bool = False) -> str:
    """The `name` in the differences, in which `{seed}` stands for the seed, or one made of the
    settings, such as `resnet20-shortcut_B`."""
    if "name" in differences:
        return differences["name"].format(seed=differences.get("seed", BUDGET["seed"]))
    model = differences["model"]
    parts = [STAND_INS.get(model, model) if quick else model]
    for key, usual in BUDGET.items():
        value = differences.get(key, usual)
        if value != usual and not (quick and key in QUICK):
            parts.append(f"{key}_{value}".removeprefix("model_option_"))
    return "-".join(parts).replace("=", "_").replace(",", "-")
