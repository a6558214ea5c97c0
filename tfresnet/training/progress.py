"""Progress for the user: the time left, a bar on a terminal, one line per epoch."""

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
    """Prints the progress of a training."""

    WARMUP_STEPS = 2  # the first one includes the compilation
    MEASURED_SECONDS = 3.0

    def __init__(self, run: Run):
        self.run = run
        self._estimated = False
        self._shown = 0  # width of the bar on the screen

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
        if can_redraw(sys.stdout):
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
        """Seconds of the remaining steps; the time of a step is proportional to the image area."""
        run, seconds = self.run, 0.0
        for epoch in range(run.epoch, run.epochs):
            first = max(run.state.step, epoch * run.steps_per_epoch)
            last = min((epoch + 1) * run.steps_per_epoch, run.total_steps)
            seconds += pace * (last - first) * (run.side_of_epoch(epoch) / run.image_side) ** 2
        return seconds

    def _bar(self, pace, columns):
        """The parts of the bar that fit into `columns`, the most important first."""
        run, means = self.run, self.run.means()
        step, steps = run.step_in_epoch, run.steps_per_epoch
        text = f"epoch {run.epoch + 1}/{run.epochs}"
        for part in (
            f" {'#' * round(20 * step / steps):.<20} {step}/{steps}",
            f"  {duration(self._left(pace))} left",
            f"  loss {means['loss']:.4f}",
            f"  top-1 {100 * means['top1']:.2f}",
        ):
            if len(text + part) > columns:
                break
            text += part
        return text[:columns]

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
    loss, top1, top5 = (row[prefix + name] for name in ("loss", "top1", "top5"))
    return f"loss {loss:.4f}  top-1 {100 * top1:5.2f}  top-5 {100 * top5:5.2f}"


def can_redraw(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal (not a dumb one). It may be closed, or None (`pythonw`)."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False


def duration(seconds: float) -> str:
    """Seconds as text: 45 s, 13 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
