"""How long it will take, a bar on a terminal, one line an epoch everywhere."""

import os
import shutil
import sys
import time
from typing import TextIO

from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run
from tfresnet.training.step import Measured


class Progress(Hook):
    """Tells the user where the training is."""

    WARMUP_STEPS = 2  # the first holds the compilation
    MEASURED_SECONDS = 3.0

    def __init__(self, run: Run):
        self.run = run
        self._estimated = False
        self._shown = 0  # columns of the bar on the screen

    def before_epoch(self):
        self._began = time.monotonic()
        self._steps = 0

    def after_step(self, measured: Measured, waited: float, seconds: float):
        self._steps += 1
        if self._steps == self.WARMUP_STEPS:
            self._warm = time.monotonic()
        steps = self._steps - self.WARMUP_STEPS
        if steps < 1:
            return
        pace = (time.monotonic() - self._warm) / steps
        if not self._estimated and (pace * steps > self.MEASURED_SECONDS or steps == 50):
            self._estimate(pace)
        if redraws(sys.stdout):
            self._show(self._bar(pace, shutil.get_terminal_size().columns - 1))

    def _estimate(self, pace):
        self._estimated = True
        run = self.run
        pixels = f" at {run.image_side} pixels" if run.config.image_sizes else ""
        self._say(
            f"{duration(pace * run.steps_per_epoch)} an epoch{pixels}, "
            f"{duration(self._left(pace))} for the {run.total_steps - run.state.step} steps left "
            f"({run.config.batch_size / pace:.0f} images/s)"
        )

    def _left(self, pace):
        """Seconds of the steps to come: larger images take longer in proportion to their area."""
        run, seconds = self.run, 0.0
        for epoch in range(run.epoch, run.epochs):
            first = max(run.state.step, epoch * run.steps_per_epoch)
            last = min((epoch + 1) * run.steps_per_epoch, run.total_steps)
            seconds += pace * (last - first) * (run.side_of_epoch(epoch) / run.image_side) ** 2
        return seconds

    def _bar(self, pace, columns):
        run, means = self.run, self.run.means()
        step, steps = run.step_in_epoch, run.steps_per_epoch
        filled = round(20 * step / steps)
        left = duration(self._left(pace))
        parts = [f"epoch {run.epoch + 1}/{run.epochs}"]
        parts += [f" {'#' * filled}{'.' * (20 - filled)} {step}/{steps}", f"  {left} left"]
        parts += [f"  loss {means['loss']:.4f}", f"  top-1 {100 * means['top1']:.2f}"]
        while len("".join(parts)) > columns and len(parts) > 1:
            parts.pop()
        return "".join(parts)[:columns]

    def _show(self, text):
        sys.stdout.write("\r" + text.ljust(self._shown))
        sys.stdout.flush()
        self._shown = len(text)

    def after_epoch(self, row: dict, validation: Evaluation | None):
        seconds = time.monotonic() - self._began
        images = self._steps * self.run.config.batch_size
        self._say(
            f"epoch {row['epoch']:3d}/{self.run.epochs}  {_metrics(row)}"
            + (f"  validation {_metrics(row, 'val_')}" if validation else "")
            + f"  {seconds:.0f} s  {images / seconds:.0f} images/s"
        )

    def _say(self, line):
        if self._shown:
            self._show("")
            sys.stdout.write("\r")
        self.run.folder.say(line)


def _metrics(row, prefix=""):
    return (
        f"loss {row[prefix + 'loss']:.4f}  top-1 {100 * row[prefix + 'top1']:5.2f}  "
        f"top-5 {100 * row[prefix + 'top5']:5.2f}"
    )


def redraws(stream: TextIO | None) -> bool:
    """Whether a line of `stream`, perhaps closed or None (`pythonw`), can be written over.

    False for files, pipes, and terminals that say they are dumb (editors, some CI logs).
    """
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


def duration(seconds: float) -> str:
    """Seconds in words a person plans with: 45 s, 13 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
