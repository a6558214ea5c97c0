"""Users' Keras callbacks beside a loop that is not Keras' own."""

from collections.abc import Callable, Iterable

import keras

from tfresnet.evaluation.evaluator import Evaluation, Evaluator
from tfresnet.evaluation.metrics import METRICS
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run
from tfresnet.training.step import Measured


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does: each method once, in Keras' order, with Keras' logs.

    Their `model` has the layers of the run's, and is compiled: they may evaluate, predict or save
    it. `stop_training = True` ends the run, also after a resume. Setting `optimizer.learning_rate`
    sets the highest rate, of which the schedule takes its share.
    """

    only_observes = False

    def __init__(self, run: Run, callbacks: Iterable[keras.callbacks.Callback]):
        self.run = run
        # A model of its own over the same layers, or the file of the run would hold an optimiser.
        model, classes = run.learner.model, run.material.dataset.num_classes
        self.model = keras.Model(model.inputs, model.outputs, name=model.name)
        top_k = min(5, classes)
        self.model.compile(
            run.learner.optimizer.keras,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                keras.metrics.SparseCategoricalAccuracy(name="top1"),
                keras.metrics.SparseTopKCategoricalAccuracy(k=top_k, name="top5"),
            ],
        )
        # Metrics get their names now: `ModelCheckpoint` asks them whether more is better.
        nothing = (
            keras.ops.zeros((1,), "int32"),
            keras.ops.zeros((1, classes)),
        )
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

    def after_step(self, measured: Measured, waited: float, seconds: float):
        self.callbacks.on_train_batch_end(self.run.step_in_epoch - 1, self.run.means())
        self._note_stop()

    def watched(self, evaluate: Evaluator) -> Callable[..., Evaluation]:
        """`evaluate` as the callbacks see a validation: its beginning, each batch, its end."""

        def evaluation(images, after_batch):
            def told(batch, so_far):
                self.callbacks.on_test_batch_end(batch, _logs(so_far().metrics))
                after_batch(batch, so_far)

            self.callbacks.on_test_begin()
            found = evaluate(images, self.callbacks.on_test_batch_begin, told)
            self.callbacks.on_test_end(_logs(found.metrics))
            return found

        return evaluation

    def after_epoch(self, row: dict, validation: Evaluation | None):
        self.callbacks.on_epoch_end(row["epoch"] - 1, _logs_of_epoch(row))
        self._note_stop()

    def end(self):
        self.callbacks.on_train_end(_logs_of_epoch(self.run.history[-1]))

    def _note_stop(self):
        self.run.state.stopped = self.run.state.stopped or bool(self.model.stop_training)


def _logs(metrics):
    return {name: metrics[name] for name in METRICS}


def _logs_of_epoch(row):
    return {name: row[name] for name in row if name.removeprefix("val_") in METRICS}
