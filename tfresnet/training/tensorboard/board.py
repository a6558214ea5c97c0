"""The hook that writes a run's events while it trains."""

from contextlib import suppress

import numpy as np
import tensorflow as tf

from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.runs.events import drop_events_after, remove_events
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run
from tfresnet.training.step import Measured, TrainStep
from tfresnet.training.tensorboard import images
from tfresnet.training.tensorboard.answers import write_metrics, write_validation
from tfresnet.training.tensorboard.graph import write_graphs
from tfresnet.training.tensorboard.layout import layout
from tfresnet.training.tensorboard.settings import texts, write_hparams
from tfresnet.training.tensorboard.steps import StepCharts

PAGES_A_RUN = 5


class TensorBoard(Hook):
    """Writes a run's events into `train/`, `validation/` and `test/` of its folder.

    The same tag in several folders makes one chart. The step is the number of training steps since
    the start of the run, on every chart and across resumes.

    Args:
        run: what is trained.
        step: its training step.
        every: steps between two points of the charts by step.
    """

    def __init__(self, run: Run, step: TrainStep, every: int = 20):
        self.run = run
        self.step = step
        self.every = every
        self._charts = StepCharts(run)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._profiled = run.config.profile_steps or (0, 0)

    def is_due(self, step: int) -> bool:
        """Whether step number `step` (from 1) is to be observed: for a point of the charts, or as
        the last of an epoch with histograms."""
        at_end = step == self.run.last_step_of_epoch
        return step % self.every == 0 or (at_end and self._histograms_due(self.run.epoch + 1))

    def _histograms_due(self, epoch):
        every = self.run.config.histograms
        return every > 0 and epoch % every == 0

    def begin(self):
        run, step = self.run, self.run.state.step
        # After the last step of an epoch, yet before its end, only the charts by step have their
        # point; all else comes again.
        kept_by = "learning_rate" if run.is_at_end_of_epoch else None
        for part in run.folder.PARTS:
            folder = run.folder.path / part
            drop_events_after(folder, step, kept_by) if step else remove_events(folder)
            if run.material.validation or part != "validation":
                self._writers[part] = tf.summary.create_file_writer(str(folder))
        if step == 0:
            self._write_beginning()

    def _write_beginning(self):
        run = self.run
        with self._writers["train"].as_default(step=0):
            for tag, text in texts(run).items():
                tf.summary.text(tag, text)
            tf.summary.experimental.write_raw_pb(layout().SerializeToString())
            how = run.config.seed, run.config.augment, run.config.padding_mode
            shown = images.augmentation(run.material.dataset, *how)
            tf.summary.image("augmentation", shown[None])
            self._write_filters()
        with self._writers["test"].as_default(step=0):
            write_hparams(run)

    def _write_filters(self):
        filters = images.first_filters(self.run.learner.model)
        if filters is not None:
            tf.summary.image("first_filters", filters[None])

    def before_epoch(self):
        self._charts.restart()

    def before_step(self):
        if self.run.state.step + 1 == self._profiled[0]:
            tf.profiler.experimental.start(str(self.run.folder.train))

    def after_step(self, measured: Measured, waited: float, seconds: float):
        step = self.run.state.step
        if step == self._profiled[1]:
            self._stop_profiler()
        self._charts.add(waited, seconds)
        if step == 1:
            self._write_graphs()
        if step % self.every == 0:
            with self._writers["train"].as_default(step):
                self._charts.write(measured)
            self.flush()  # a checkpoint may follow, and stands for what is on the disk

    def _write_graphs(self):
        with self._writers["train"].as_default(step=0):
            left_out = write_graphs(self.run.learner.network, self.step.graph)
        if left_out:
            self.run.folder.say(f"TensorBoard: {left_out}")
        self.flush()

    def after_epoch(self, row: dict, validation: Evaluation | None):
        run, epoch = self.run, row["epoch"]
        pages = run.is_trained or page_is_due(epoch, run.epochs)
        with self._writers["train"].as_default(row["step"]):
            write_metrics(row)
            if self._histograms_due(epoch):
                self._write_histograms()
            if pages:
                self._write_filters()
        if validation:
            with self._writers["validation"].as_default(row["step"]):
                write_validation(run, validation, pages)
        self.flush()

    def _write_histograms(self):
        # The gradients are of the last observed step: that of the end of the epoch, unless it was
        # cut short. There are none if that end comes again after a resume.
        variables = self.run.learner.optimizer.trainable
        for variable, gradient in zip(variables, self.step.gradients, strict=False):
            tf.summary.histogram(f"weights/{variable.path}", np.asarray(variable))
            tf.summary.histogram(f"gradients/{variable.path}", gradient)

    def flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def end(self):
        if self._profiled[0] <= self.run.state.step < self._profiled[1]:
            self._stop_profiler()
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    @staticmethod
    def _stop_profiler():
        with suppress(tf.errors.UnavailableError):  # begun before a resume
            tf.profiler.experimental.stop()


def page_is_due(epoch: int, epochs: int) -> bool:
    """Whether `epoch` (from 1) of `epochs` gets all its pictures: about five do, and the last."""
    return epoch % max(1, epochs // PAGES_A_RUN) == 0 or epoch in (1, epochs)
