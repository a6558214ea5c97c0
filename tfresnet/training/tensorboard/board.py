"""The hook that writes a run's TensorBoard events while it trains."""

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
BY_STEP = ("learning_rate", "weights/", "gradients/")  # tags of what is written after a step


class TensorBoard(Hook):
    """Writes the events of a run into `train/`, `validation/` and `test/` of its folder.

    TensorBoard draws the same tag of several folders in one chart. The step of every chart is the
    number of training steps since the start of the run, also after a resume.

    The charts by step have a point `every` so many steps.
    """

    def __init__(self, run: Run, step: TrainStep, every: int = 20):
        self.run = run
        self.step = step
        self.every = every
        self._charts = StepCharts(run)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self._profiled = run.config.profile_steps or (0, 0)

    def is_due(self, step: int) -> bool:
        """Whether step `step` (from 1) is observed, for the charts or for histograms."""
        return step % self.every == 0 or self._histograms_due(step)

    def _histograms_due(self, step):
        """At the last step of every so many epochs."""
        every, at_end = self.run.config.histograms, step == self.run.last_step_of_epoch
        return every > 0 and at_end and (self.run.epoch + 1) % every == 0

    def begin(self):
        run, step = self.run, self.run.state.step
        # Between the last step of an epoch and its end, only these have been written at this step.
        kept_by = BY_STEP if run.is_at_end_of_epoch else ()
        for part in run.folder.PARTS:
            folder = run.folder.path / part
            drop_events_after(folder, step, kept_by) if step else remove_events(folder)
            if run.material.validation or part != "validation":
                self._writers[part] = tf.summary.create_file_writer(str(folder))
        if step == 0:
            self._write_start()

    def _write_start(self):
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
        if (filters := images.first_filters(self.run.learner.model)) is not None:
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
            with self._writers["train"].as_default(step=0):
                left_out = write_graphs(self.run.learner.network, self.step.graph)
            if left_out:
                self.run.folder.say(f"TensorBoard: {left_out}")
            self.flush()
        if step % self.every == 0:
            with self._writers["train"].as_default(step):
                self._charts.write(measured)
        if self._histograms_due(step):
            self._write_histograms(step)
        if self.is_due(step):
            self.flush()  # a checkpoint may follow, whose events must be on the disk

    def after_epoch(self, row: dict, validation: Evaluation | None):
        run, epoch = self.run, row["epoch"]
        all_pages = run.is_trained or page_is_due(epoch, run.epochs)
        with self._writers["train"].as_default(row["step"]):
            write_metrics(row)
            if all_pages:
                self._write_filters()
        if validation:
            with self._writers["validation"].as_default(row["step"]):
                write_validation(run, validation, all_pages)
        self.flush()

    def _write_histograms(self, step):
        variables = self.run.learner.optimizer.trainable
        with self._writers["train"].as_default(step):
            for variable, gradient in zip(variables, self.step.gradients, strict=True):
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
        with suppress(tf.errors.UnavailableError):  # started before a resume
            tf.profiler.experimental.stop()


def page_is_due(epoch: int, epochs: int) -> bool:
    """Whether `epoch` (from 1) gets all pictures: the first, the last and about five in all."""
    return epoch % max(1, epochs // PAGES_A_RUN) == 0 or epoch in (1, epochs)
