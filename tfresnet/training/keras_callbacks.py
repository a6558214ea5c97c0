"""Users' Keras callbacks beside a loop that is not Keras' own."""

from collections.abc import Callable, Iterable

import keras

from tfresnet.evaluation import METRICS, Evaluation
from tfresnet.training.companions import Companion
from tfresnet.training.run import Run
from tfresnet.training.step import Measured


class KerasCallbacks(Companion):
    """Calls Keras callbacks as `fit` does: each method once, in Keras' order, with Keras' logs.

    Their `model` has the layers of the run's, and is compiled: they may evaluate, predict or save
    it. `stop_training = True` ends the run, also after a resume. Setting `optimizer.learning_rate`
    sets the highest rate, of which the schedule takes its share.
    """

    only_observes = False

    def __init__(self, run: Run, callbacks: Iterable[keras.callbacks.Callback]):
        self.run = run
        # A model of its own over the same layers, or the file of the run would hold an optimiser.
        self.model = keras.Model(run.model.inputs, run.model.outputs, name=run.model.name)
        top_k = min(5, run.dataset.num_classes)
        self.model.compile(
            run.optimizer.keras,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                keras.metrics.SparseCategoricalAccuracy(name="top1"),
                keras.metrics.SparseTopKCategoricalAccuracy(k=top_k, name="top5"),
            ],
        )
        # Metrics get their names now: `ModelCheckpoint` asks them whether more is better.
        nothing = keras.ops.zeros((1,), "int32"), keras.ops.zeros((1, run.dataset.num_classes))
        self.model.compute_metrics(None, *nothing)
        self.model.reset_metrics()
        self.model.stop_training = False
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            model=self.model,
            verbose=0,
            epochs=run.epochs,
            steps=run.steps_per_epoch,
        )

    def begin(self):
        self.callbacks.on_train_begin()

    def before_epoch(self):
        self.callbacks.on_epoch_begin(self.run.epoch)

    def before_step(self):
        self.callbacks.on_train_batch_begin(self.run.step_in_epoch)

    def after_step(self, measured: Measured, seconds: float):
        self.callbacks.on_train_batch_end(self.run.step_in_epoch - 1, self.run.means())
        self._note_stop()

    def before_validation(self):
        self.callbacks.on_test_begin()

    def before_validation_batch(self, batch):
        self.callbacks.on_test_batch_begin(batch)

    def after_validation_batch(self, batch, so_far: Callable[[], Evaluation]):
        self.callbacks.on_test_batch_end(batch, _logs(so_far().metrics))

    def after_validation(self, evaluation: Evaluation):
        self.callbacks.on_test_end(_logs(evaluation.metrics))

    def after_epoch(self, row: dict, validation: Evaluation | None):
        names = [name for name in row if name.removeprefix("val_") in METRICS]
        self._last = {name: row[name] for name in names}
        self.callbacks.on_epoch_end(row["epoch"] - 1, self._last)
        self._note_stop()

    def end(self):
        self.callbacks.on_train_end(self._last)

    def _note_stop(self):
        self.run.state.stopped = self.run.state.stopped or bool(self.model.stop_training)


def _logs(metrics):
    return {name: metrics[name] for name in METRICS}
