"""The learning rate as a function of the step."""

import math

import keras
from keras import ops

from tfresnet.errors import InputError

# Where the paper divides by 10: after 32,000 and 48,000 of 64,000 steps (section 4.2).
MILESTONES = (0.5, 0.75)


@keras.saving.register_keras_serializable(package="tfresnet")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to a peak, then a course down to the last step.

    Args:
        peak: highest rate.
        warmup_steps: steps until the peak is reached; the first step takes peak / warmup_steps.
        total_steps: steps of the whole run.
        course: "cosine" or "linear" to zero, "multistep" (a tenth after a half and three quarters
            of all steps), or "constant".

    Raises:
        InputError: an unknown course.
    """

    COURSES = ("cosine", "linear", "multistep", "constant")

    def __init__(self, peak: float, warmup_steps: int, total_steps: int, course: str = "cosine"):
        super().__init__()
        if course not in self.COURSES:
            raise InputError(
                f"course must be one of {', '.join(self.COURSES)}. Received: {course!r}"
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.course = course

    def __call__(self, step):
        step = ops.cast(step, "float32")
        warmup = (step + 1) / max(self.warmup_steps, 1)
        return self.peak * ops.where(step < self.warmup_steps, warmup, self._after_warmup(step))

    def _after_warmup(self, step):
        span = max(self.total_steps - self.warmup_steps, 1)
        done = ops.clip((step - self.warmup_steps) / span, 0.0, 1.0)
        if self.course == "cosine":
            return 0.5 * (1 + ops.cos(math.pi * done))
        if self.course == "linear":
            return 1 - done
        if self.course == "multistep":
            tenths = sum(ops.cast(step >= m * self.total_steps, "float32") for m in MILESTONES)
            return 0.1**tenths
        return ops.ones_like(done)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "course": self.course,
        }
