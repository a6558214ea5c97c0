"""Runs the user's Keras callbacks in our training loop."""

from collections.abc import Callable, Iterable

import keras

from tfresnet.evaluation.evaluator import Evaluation, Evaluator
from tfresnet.evaluation.metrics import METRICS
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run
from tfresnet.training.step import Measured


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does: each method once, in Keras' order, with Keras' logs.

    Their `model` shares the layers of the run's model and is compiled, so they may evaluate,
    predict or save it. `stop_training = True` ends the run, also after a resume. Setting
    `optimizer.learning_rate` sets the peak rate of the schedule.
    """

    only_observes = False

    def __init__(self, run: Run, callbacks: Iterable[keras.callbacks.Callback]):
        self.run = run
        self.model = _compiled_model(run)
        params = {"verbose": 0, "epochs": run.epochs, "steps": run.steps_per_epoch}
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks), add_history=True, model=self.model, **params
        )

    def begin(self):
        self.callbacks.on_train_begin()

    def before_epoch(self):
        self.callbacks.on_epoch_begin(self.run.epoch)

    def before_step(self):
        self.callbacks.on_train_batch_begin(self.run.step_in_epoch)

    def after_step(self, measured: Measured, waited: float, seconds: float):
        self.callbacks.on_train_batch_end(self.run.step_in_epoch - 1, self.run.means())
        self._check_stop()

    def wrap_evaluator(self, evaluate: Evaluator) -> Callable[..., Evaluation]:
        """`evaluate` with calls of `on_test_begin`, `on_test_batch_...` and `on_test_end`."""

        def evaluation(images, after_batch):
            def batch_end(batch, so_far):
                self.callbacks.on_test_batch_end(batch, _logs(so_far().metrics))
                after_batch(batch, so_far)

            self.callbacks.on_test_begin()
            found = evaluate(images, self.callbacks.on_test_batch_begin, batch_end)
            self.callbacks.on_test_end(_logs(found.metrics))
            return found

        return evaluation

    def after_epoch(self, row: dict, validation: Evaluation | None):
        self.callbacks.on_epoch_end(row["epoch"] - 1, _epoch_logs(row))
        self._check_stop()

    def end(self):
        self.callbacks.on_train_end(_epoch_logs(self.run.history[-1]))

    def _check_stop(self):
        self.run.state.stopped |= bool(self.model.stop_training)


def _compiled_model(run):
    """A second model over the layers of the run's, whose own file must not hold an optimiser."""
    trained, classes = run.learner.model, run.material.dataset.num_classes
    model = keras.Model(trained.inputs, trained.outputs, name=trained.name)
    top5 = keras.metrics.SparseTopKCategoricalAccuracy(k=min(5, classes), name="top5")
    model.compile(
        run.learner.optimizer.keras,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="top1"), top5],
    )
    # `ModelCheckpoint` asks the metrics whether more is better: they get their names on first use.
    model.compute_metrics(None, keras.ops.zeros((1,), "int32"), keras.ops.zeros((1, classes)))
    model.reset_metrics()
    model.stop_training = False
    return model


def _logs(metrics):
    return {name: metrics[name] for name in METRICS}


def _epoch_logs(row):
    return {name: row[name] for name in row if name.removeprefix("val_") in METRICS}
