"""Runs the user's Keras callbacks in our training loop."""

from collections.abc import Callable, Iterable

import keras

from tfresnet.errors import InputError
from tfresnet.evaluation.evaluator import Evaluation, Evaluator
from tfresnet.evaluation.metrics import METRICS
from tfresnet.training import callback_state
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run
from tfresnet.training.step import Measured

ALIAS = "accuracy"  # what Keras' users call top-1
_LAMBDA = keras.callbacks.LambdaCallback
_SET_RATES = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)


class KerasCallbacks(Hook):
    """Calls Keras callbacks as `fit` does: each method once, in Keras' order, with Keras' logs.

    Their `model` shares the layers of the run's model and is compiled, so they may evaluate,
    predict or save it. `stop_training = True` ends the run, also after a resume. Setting
    `optimizer.learning_rate` sets the peak rate of the schedule. A resume gives Keras' own
    callbacks, and those with `get_state()` and `set_state(state)`, their state back.
    """

    only_observes = False

    def __init__(self, run: Run, callbacks: Iterable[keras.callbacks.Callback]):
        self.run, self.users = run, list(callbacks)
        check_callbacks(self.users, run.material.validation is not None)
        self.model = _compiled_model(run)
        params = {"verbose": 0, "epochs": run.epochs, "steps": run.steps_per_epoch}
        self.callbacks = keras.callbacks.CallbackList(
            self.users, add_history=True, model=self.model, **params
        )

    def begin(self):
        resumed = self.run.state.step > 0
        if resumed:
            for callback in self.users:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    callback.append = True
        self.callbacks.on_train_begin()
        if resumed:
            self._take_up()

    def _take_up(self):
        """Restores the callbacks' state from the checkpoint: `on_train_begin` has cleared it."""
        state = self.run.state
        for name, callback in callback_state.name_each(self.users):
            if name in state.callbacks:
                callback_state.restore(callback, state.callbacks[name], state.arrays)
            if callback_state.begins_anew(callback):
                self.run.folder.say(
                    f"callback {name} begins anew: it has no get_state() and set_state(state)"
                )

    def keep(self) -> None:
        """Puts the state of the callbacks into the run's, for the next checkpoint."""
        state = self.run.state
        state.callbacks, arrays = callback_state.collect(self.users)
        state.arrays = state.without_callbacks() | arrays

    def before_epoch(self):
        self.callbacks.on_epoch_begin(self.run.epoch)

    def before_step(self):
        self.callbacks.on_train_batch_begin(self.run.step_in_epoch)

    def after_step(self, measured: Measured, waited: float, seconds: float):
        self.callbacks.on_train_batch_end(self.run.step_in_epoch - 1, _logs(self.run.means()))
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
        self.callbacks.on_epoch_end(row["epoch"] - 1, _logs(row))
        self._check_stop()

    def end(self):
        self.callbacks.on_train_end(_logs(self.run.history[-1]))

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
        metrics=[*(keras.metrics.SparseCategoricalAccuracy(name=n) for n in ("top1", ALIAS)), top5],
    )
    # `ModelCheckpoint` asks the metrics whether more is better: they get their names on first use.
    model.compute_metrics(None, keras.ops.zeros((1,), "int32"), keras.ops.zeros((1, classes)))
    model.reset_metrics()
    model.stop_training = False
    return model


def _logs(values):
    """The metrics of a history row or an evaluation; top-1 also under its usual name in Keras."""
    logs = {name: values[name] for name in values if name.removeprefix("val_") in METRICS}
    return logs | {name.replace("top1", ALIAS): logs[name] for name in logs if "top1" in name}


def check_callbacks(callbacks: Iterable[keras.callbacks.Callback], validates: bool) -> None:
    """Raises `InputError` for a callback of Keras that cannot work here.

    validates: whether the run has validation images.
    """
    of_steps = [*_logs(dict.fromkeys(METRICS, 0.0))]
    known = of_steps + [f"val_{name}" for name in of_steps if validates]
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.BackupAndRestore):
            raise InputError(
                "callbacks must not restore a run, which resume does. Received: BackupAndRestore"
            )
        if isinstance(callback, _SET_RATES):
            known.append("learning_rate")
        elif not callback_state.is_of_keras(callback) or type(callback) is _LAMBDA:
            return  # it may add to the logs what the next ones monitor
        monitor = getattr(callback, "monitor", None)
        if not getattr(callback, "save_best_only", True):
            continue
        available = known if getattr(callback, "save_freq", "epoch") == "epoch" else of_steps
        if monitor and monitor not in available:
            raise InputError(
                f"monitor of {type(callback).__name__} must be one of {', '.join(available)}. "
                f"Received: {monitor!r}"
            )
