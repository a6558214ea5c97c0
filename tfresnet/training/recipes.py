"""Named sets of training settings.

fast (default)
    python train.py --model resnet20 --epochs 10
    Few epochs on few cores: many small steps, warm-up to a high rate, then straight down to zero
    (Li et al., 2020, https://arxiv.org/abs/1905.04753). Its results, with hardware, time and log,
    stand in the README; logs/README.md has the recipe that it replaced.

paper
    python train.py --recipe paper --model resnet20 --val-size 0
    Section 4.2 of He et al., 2015 (https://arxiv.org/abs/1512.03385): 64,000 steps of 128 images
    (164 epochs of all 50,000), rate 0.1 divided by 10 after 32,000 and 48,000. For resnet110 add
    `--warmup-epochs 1`: from 0.1 it does not get going.
"""

RECIPES = {
    "fast": {
        "epochs": 15,
        "max_steps": None,
        "batch_size": 64,
        "lr": 0.1,
        "lr_scheduler": "linear",
        "warmup_fraction": 0.2,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "label_smoothing": 0.0,
    },
    "paper": {
        "epochs": None,
        "max_steps": 64_000,
        "batch_size": 128,
        "lr": 0.1,
        "lr_scheduler": "multistep",
        "warmup_fraction": 0.0,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
    },
}
