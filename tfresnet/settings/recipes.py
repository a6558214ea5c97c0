"""Named sets of training settings.

fast (default)
    python train.py --model resnet20 --epochs 10
    Few epochs on few cores: warm-up to a high rate, then a linear decay to zero (Li et al., 2020,
    https://arxiv.org/abs/1905.04753). Kernels with a batch normalisation behind them step by Muon.
    The thin networks of section 4.2 see whole images, not crops, in the last fifth of the epochs.
    docs/results.md has the results with hardware, time and log; docs/trials.csv has trials of
    other settings.

paper
    python train.py --recipe paper --model resnet20 --val-size 0
    Section 4.2 of He et al., 2015 (https://arxiv.org/abs/1512.03385): 64,000 steps of 128 images
    (164 epochs of all 50,000), rate 0.1 divided by 10 after 32,000 and 48,000. resnet110 does not
    start to learn at 0.1: add `--warmup-epochs 1`.
"""

from tfresnet.settings.model_names import CIFAR_NETWORKS, RESNETS

OPTIMIZERS = ("sgd", "muon", "rmsprop")
PADDING_MODES = ("constant", "reflect")
# The settings of runs by versions that did not have them yet.
EARLIER = {
    "opt": "sgd",
    "ema": 0.0,
    "padding_mode": "constant",
    "uncropped_fraction": 0.0,
    "conv_forms": "avx512_bf16",
}

_FAST = {
    "epochs": 15,
    "max_steps": None,
    "batch_size": 64,
    "opt": "sgd",
    "lr": 0.1,
    "muon_lr": 0.015,
    "lr_scheduler": "linear",
    "warmup_fraction": 0.2,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "label_smoothing": 0.0,
    "padding_mode": "constant",
    "uncropped_fraction": 0.0,
    "ema": 0.0,
}
_PAPER = {
    "epochs": None,
    "max_steps": 64_000,
    "batch_size": 128,
    "lr_scheduler": "multistep",
    "warmup_fraction": 0.0,
    "nesterov": False,
    "weight_decay": 1e-4,
}
RECIPES = {"fast": _FAST, "paper": _FAST | _PAPER}
# Networks -> the settings of "fast" that differ for them. Wide networks overfit, thin ones do not.
FAST_FOR = {
    CIFAR_NETWORKS: {"opt": "muon", "uncropped_fraction": 0.2},
    RESNETS: {
        "batch_size": 128,
        "opt": "muon",
        "lr": 0.2,
        "muon_lr": 0.013,
        "label_smoothing": 0.1,
        "padding_mode": "reflect",
    },
}


def recipe_for(model: str, recipe: str) -> dict:
    """The settings of a recipe for a network, by its name."""
    settings = dict(RECIPES[recipe])
    if recipe == "fast":
        for networks, others in FAST_FOR.items():
            settings |= others if model in networks else {}
    return settings


def defaults(setting: str) -> str:
    """What the recipes give a setting, for `--help`."""
    usual, paper = (RECIPES[recipe][setting] for recipe in ("fast", "paper"))
    text = alone = "none" if usual is None else str(usual)
    for networks, others in FAST_FOR.items():
        if others.get(setting, usual) != usual:
            text += f"; {others[setting]} for {networks[0]} to {networks[-1]}"
    if text == alone and paper == usual:
        return text
    return f"{text}; {'none' if paper is None else paper} with --recipe paper"
