"""The callback that writes a run's events while it trains."""

import json

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data.dataset import Dataset, Split
from tfresnet.training.callbacks import Position
from tfresnet.training.config import TrainConfig
from tfresnet.training.probe import PredictionLog, StepProbe
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.tensorboard import pictures
from tfresnet.training.tensorboard.event_files import (
    Writers,
    drop_events_after,
    remove_events,
    write_pb,
)
from tfresnet.training.tensorboard.graph import write_graphs
from tfresnet.training.tensorboard.hparams import write_session_start
from tfresnet.training.tensorboard.layout import layout
from tfresnet.training.tensorboard.profile import Profiler
from tfresnet.training.tensorboard.schedule import page_is_due
from tfresnet.training.tensorboard.steps import StepCharts, is_step_chart
from tfresnet.training.tensorboard.text import texts
from tfresnet.training.tensorboard.validation import ValidationPages

METRICS = ("loss", "top1", "top5")


class TensorBoard(keras.callbacks.Callback):
    """Writes a run's events into `train/`, `validation/` and `test/` of its folder.

    The same tag in several folders makes one chart. The step is the number of training steps since
    the start of the run, on every chart and across resumes. Needs a `TrainingModel` whose step has
    not been traced yet; comes after `position` in the list of callbacks.

    Args:
        folder: the run folder.
        position: where the run is.
        config: resolved settings.
        dataset: what is trained on, for names and pictures.
        validation: the images held out, if any.
        every: steps between two points of the charts by step.
    """

    def __init__(
        self,
        folder: RunFolder,
        position: Position,
        config: TrainConfig,
        dataset: Dataset,
        validation: Split | None,
        every: int = 20,
    ):
        super().__init__()
        self.folder = folder
        self.position = position
        self.config = config
        self.dataset = dataset
        self.validation = validation
        self.every = every
        self._writers = None
        self._profiler = Profiler(folder.path / "train", config.profile_steps)

    def on_train_begin(self, logs=None):
        if self._writers:  # the rest of an epoch was trained by a `fit` of its own
            return
        step = self.position.global_step
        for part in ("train", "validation", "test"):
            self._prepare_folder(self.folder.path / part, step)
        self._writers = Writers(self.folder.path)
        self._attach()
        self._graph_is_due = step == 0
        if step == 0:
            self._write_beginning()

    def _prepare_folder(self, folder, step):
        if step == 0:
            remove_events(folder)
            return
        # After the last step of an epoch, yet before its end, the points of its end come again.
        epoch_is_open = self.position.state.step == self.position.steps_per_epoch
        drop_events_after(folder, step, is_step_chart if epoch_is_open else None)

    def _attach(self):
        model = self.model
        self._probe = StepProbe(
            model.trainable_variables, keep_gradients=self.config.histograms > 0
        )
        self._probe.attach(model)
        self._steps = StepCharts(model, self._probe, self.config.batch_size, self.every)
        self._pages = None
        if self.validation and model.distribute_strategy.num_replicas_in_sync == 1:
            model.predictions = PredictionLog(len(self.validation), self.dataset.num_classes)
            self._pages = ValidationPages(model, self.validation, self.dataset)

    def _write_beginning(self):
        environment = json.loads(self.folder.config.read_text(encoding="utf-8"))["environment"]
        config, dataset = self.config, self.dataset
        with self._writers.at("train", 0):
            for tag, text in texts(config, environment, self.model).items():
                tf.summary.text(tag, text)
            write_pb(layout())
            shown = pictures.augmentation(dataset, dataset.train, config.seed, config.augment)
            tf.summary.image("augmentation", shown[None])
            self._write_filters()
        with self._writers.at("test", 0):
            write_session_start(self.folder, config, environment, self.model)

    def _write_filters(self):
        filters = pictures.first_filters(self.model)
        if filters is not None:
            tf.summary.image("first_filters", filters[None])

    def on_epoch_begin(self, epoch, logs=None):
        self._steps.restart(self.position.global_step)

    def on_train_batch_begin(self, batch, logs=None):
        step = self.position.global_step + 1
        self._profiler.before_step(step)
        histograms_next = step % self.position.steps_per_epoch == 0 and self._histograms_due(step)
        self._steps.before_step(step, gradients_wanted=histograms_next)

    def _histograms_due(self, step):
        every, epoch = self.config.histograms, step // self.position.steps_per_epoch
        return every > 0 and epoch % every == 0

    def on_train_batch_end(self, batch, logs=None):
        step = self.position.global_step
        self._profiler.after_step(step)
        if self._graph_is_due:
            self._write_graph()
        if self._steps.after_step(step):
            with self._writers.at("train", step):
                self._steps.write(step, self.folder.checkpoints.last_save)
            self.flush()  # a checkpoint may follow, and stands for what is on the disk

    def _write_graph(self):
        self._graph_is_due = False
        with self._writers.at("train", 0):
            left_out = write_graphs(self.model)
        if left_out:
            self.folder.say(f"TensorBoard: {left_out}")
        self.flush()

    def on_test_begin(self, logs=None):
        if self.model.predictions:
            self.model.predictions.clear()

    def on_epoch_end(self, epoch, logs=None):
        step = self.position.state.history[-1]["step"]
        with self._writers.at("train", step):
            _write_metrics(logs, "")
            if self._histograms_due(step):
                self._write_histograms()
            if page_is_due(epoch + 1, self.config.epochs):
                self._write_filters()
        if self.validation:
            with self._writers.at("validation", step):
                _write_metrics(logs, "val_")
                if self._pages:
                    self._pages.write(step, page_is_due(epoch + 1, self.config.epochs))
        self.flush()

    def _write_histograms(self):
        self._probe.due.assign(False)
        variables = self.model.trainable_variables
        for variable, gradient in zip(variables, self._probe.gradients, strict=True):
            tf.summary.histogram(f"weights/{variable.path}", np.asarray(variable))
            tf.summary.histogram(f"gradients/{variable.path}", gradient.numpy())

    def flush(self):
        self._writers.flush()

    def close(self):
        self._profiler.stop()
        if self._writers:
            self._writers.close()


def _write_metrics(logs, prefix):
    for metric in METRICS:
        tf.summary.scalar(metric, logs[prefix + metric])
    tf.summary.scalar("error", 100 * (1 - logs[prefix + "top1"]), description="100 - top-1, %")
