"""The learning rate as a function of the step, the side of the images as one of the epoch."""

import math

LR_SCHEDULERS = ("cosine", "linear", "multistep", "constant")
# Where the paper divides by 10: after 32,000 and 48,000 of 64,000 steps (section 4.2).
MILESTONES = (0.5, 0.75)


def share_of_peak(step: int, lr_scheduler: str, warmup_steps: int, total_steps: int) -> float:
    """The rate of a step (from 0) as a share of the highest one.

    Linear warm-up to 1, of which the first step takes 1 / warmup_steps, then "cosine" or "linear"
    down to zero at the last step, "multistep" (a tenth after a half and three quarters of all
    steps) or "constant".
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if lr_scheduler == "multistep":
        return 0.1 ** sum(step >= milestone * total_steps for milestone in MILESTONES)
    done = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return {
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
        "linear": 1 - done,
        "constant": 1.0,
    }[lr_scheduler]


def image_sides(sizes: str, epochs: int) -> list[int]:
    """Side of the images of each epoch, in pixels: of "24,32" the smaller ones, each for as long,
    in two thirds of the epochs (to the nearest whole one), then the last."""
    *small, whole = [int(size) for size in sizes.split(",")]
    first = min(round(2 * epochs / 3), epochs - 1) if small else 0
    growing = [small[epoch * len(small) // first] for epoch in range(first)]
    return growing + (epochs - first) * [whole]
