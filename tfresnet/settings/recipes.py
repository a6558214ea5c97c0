"""Named sets of training settings.

fast (default)
    python train.py --model resnet20 --epochs 10
    Few epochs on few cores: warm-up to a high rate, then straight down to zero (Li et al., 2020,
    https://arxiv.org/abs/1905.04753), and kernels that step by Muon where a batch normalisation
    stands behind each. The wide networks of section 4.1 overfit even so, the thin ones of section
    4.2 do not. docs/results.md has the results with hardware, time and log; docs/trials.csv has
    trials of other settings.

paper
    python train.py --recipe paper --model resnet20 --val-size 0
    Section 4.2 of He et al., 2015 (https://arxiv.org/abs/1512.03385): 64,000 steps of 128 images
    (164 epochs of all 50,000), rate 0.1 divided by 10 after 32,000 and 48,000. For resnet110 add
    `--warmup-epochs 1`: from 0.1 it does not get going.
"""

from tfresnet.settings.model_names import CIFAR_NETWORKS, RESNETS

OPTIMIZERS = ("sgd", "muon")
PADDING_MODES = ("constant", "reflect")

RECIPES = {
    "fast": {
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
        "ema": 0.0,
    },
    "paper": {
        "epochs": None,
        "max_steps": 64_000,
        "batch_size": 128,
        "opt": "sgd",
        "lr": 0.1,
        "muon_lr": 0.015,
        "lr_scheduler": "multistep",
        "warmup_fraction": 0.0,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
        "padding_mode": "constant",
        "ema": 0.0,
    },
}
# Where "fast" differs: networks -> settings.
FAST_FOR = {
    CIFAR_NETWORKS: {"opt": "muon"},
    RESNETS: {
        "batch_size": 128,
        "opt": "muon",
        "lr": 0.2,
        "muon_lr": 0.013,
        "label_smoothing": 0.1,
        "padding_mode": "reflect",
    },
}
# What settings that a run of an earlier version does not name were then.
EARLIER = {"opt": "sgd", "ema": 0.0, "padding_mode": "constant"}


def recipe_for(model: str, recipe: str) -> dict:
    """The settings of a recipe for a network, by its name."""
    settings = dict(RECIPES[recipe])
    if recipe == "fast":
        for networks, others in FAST_FOR.items():
            settings |= others if model in networks else {}
    return settings
