"""The learning rate as a function of the step, and what images look like as one of the epoch."""

import math
from collections.abc import Sequence

LR_SCHEDULERS = ("cosine", "linear", "multistep", "constant")
# The paper divides by 10 after 32,000 and 48,000 of 64,000 steps (section 4.2).
MILESTONES = (0.5, 0.75)


def share_of_peak(step: int, lr_scheduler: str, warmup_steps: int, total_steps: int) -> float:
    """The learning rate of a step (from 0) divided by the peak rate. Linear warm-up from 1 /
    warmup_steps to 1. Then "cosine" or "linear" would reach 0 one step after the last; "multistep"
    divides by 10 after a half and three quarters of all steps."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if lr_scheduler == "multistep":
        return 0.1 ** sum(step >= milestone * total_steps for milestone in MILESTONES)
    done = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[
        lr_scheduler
    ]


def image_side(sides: Sequence[int], epoch: int, epochs: int) -> int:
    """Side in pixels of the images of an epoch (from 0). All sides but the last share two thirds of
    the epochs equally, rounded to whole epochs."""
    small = len(sides) - 1
    growing = min(round(2 * epochs / 3), epochs - 1) if small else 0
    return sides[epoch * small // growing] if epoch < growing else sides[-1]


def has_crops(epoch: int, epochs: int, uncropped_fraction: float) -> bool:
    """Whether an epoch (from 0) shows random crops. The last ones show whole images, as evaluation
    does: a share of `uncropped_fraction`, rounded to whole epochs.

    Source: He et al., 2019, https://arxiv.org/abs/1909.09148, who train on without augmentation.
    """
    return epoch < epochs - round(uncropped_fraction * epochs)
