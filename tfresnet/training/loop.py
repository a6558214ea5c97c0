"""Trains one network, from its first step or from a checkpoint, and tests it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.evaluation.evaluator import Evaluation, Evaluator
from tfresnet.evaluation.text import summary_line
from tfresnet.runs.own_code import is_unchanged, own_network
from tfresnet.runs.record import RunRecord
from tfresnet.settings.config import TrainConfig
from tfresnet.system.hardware import OtherWork
from tfresnet.system.signals import StopRequest, stop_requests
from tfresnet.training import setup
from tfresnet.training.features import feature_run
from tfresnet.training.hooks import Hooks
from tfresnet.training.keras_callbacks import KerasCallbacks, check_callbacks
from tfresnet.training.progress import Progress
from tfresnet.training.run import Run
from tfresnet.training.saving import KeepBest, Saver
from tfresnet.training.step import TrainStep
from tfresnet.training.tensorboard import TensorBoard
from tfresnet.training.testing import is_complete, test


def train(
    config: TrainConfig | None = None,
    *,
    model: object = None,
    resume: str | Path | None = None,
    trust_code: bool = False,
    data_dir: str | Path | None = None,
    strategy: str | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> RunRecord:
    """Trains a network, or continues a stopped run, and tests it once at the end.

    Args:
        config: settings of a new run.
        model: your own network in place of that of the settings: a Keras model, or a class or
            function that makes one. To resume such a run, give the same `model`.
        resume: folder of a run to continue instead, exactly as if it had never stopped.
        trust_code: run the code that a resumed run holds, even if the file that it came from is not
            the same any more.
        data_dir, strategy: replace those of the settings, also when a run is resumed.
        callbacks: the caller's Keras callbacks; see `KerasCallbacks`.

    Raises:
        InputError: impossible settings, missing data, or a run folder that exists or cannot be
            written. Nothing has been written.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
        DivergedError: the loss or a weight is no longer finite.
        RunError: the disk or the data failed; earlier checkpoints remain.
    """
    if (resume is None) == (config is None):
        raise InputError("train takes either a config or a run to resume. Received: both or none")
    moved = {"data_dir": data_dir, "strategy": strategy}
    moved = {name: value for name, value in moved.items() if value is not None}
    callbacks = list(callbacks)
    if config and callbacks:
        check_callbacks(callbacks, validates=config.val_size != 0)
    if resume is None:
        begun = setup.start_run(replace(config, **moved), model)
    else:
        record = RunRecord(resume)
        record.own = own_network(record, model, trust_code or is_unchanged(record))
        if is_complete(record):
            print(f"{record.path} is finished: {summary_line(record.result)}")
            return record
        begun = setup.resume_run(record, **moved)
    with begun as run:
        classes = run.material.dataset.class_names
        evaluate = Evaluator(run.learner.model, classes, devices=run.devices)
        others = OtherWork()
        if not run.state.ended:
            with stop_requests() as stop:
                train_to_end(run, evaluate, stop, callbacks)
        return test(run, evaluate, others.cores() if resume is None else None)


def train_to_end(
    run: Run, evaluate: Evaluator, stop: StopRequest, callbacks: Iterable = ()
) -> None:
    """Trains from the current step to the end of the last epoch."""
    shown = run
    if run.config.transfer == "head":
        shown = feature_run(run)
        evaluate = Evaluator(shown.learner.model, evaluate.class_names, devices=run.devices)
    step = TrainStep(
        shown.learner.network,
        run.learner.optimizer,
        run.config.label_smoothing,
        run.devices.strategy,
        keep_gradients=run.config.histograms > 0,
        averages=run.learner.averages,
        class_weights=run.material.class_weights(run.config.class_weight),
    )
    board = TensorBoard(run, step)
    hooks = [board, Progress(run)] if run.devices.is_chief else []
    if run.config.keep_best:
        hooks.append(KeepBest(run))
    before_save = [board.flush]
    if callbacks:
        hooks.append(keras_callbacks := KerasCallbacks(run, callbacks))
        evaluate = keras_callbacks.wrap_evaluator(evaluate)
        before_save.append(keras_callbacks.keep)
    hooks = Hooks(hooks)
    saver = Saver(run, stop, before_save)

    hooks.begin()
    if not run.folder.checkpoints.paths():
        saver.save()  # a full or foreign disk should fail now, not in an hour
    if not run.is_trained:
        hooks.before_epoch()
    if run.is_at_end_of_epoch:  # the run was stopped during a validation
        _end_epoch(shown, evaluate, hooks, saver)
    for (images, labels), waited in _timed(shown.batches()):
        hooks.before_step()
        began = time.perf_counter()
        share = run.share_of_peak(run.state.step)
        measured = step(images, labels, share, observe=board.is_due(run.state.step + 1))
        seconds = time.perf_counter() - began
        run.count(measured, waited + seconds)
        hooks.after_step(measured, waited, seconds)
        saver.save_if_due()
        if run.is_at_end_of_epoch:
            _end_epoch(shown, evaluate, hooks, saver)
    if reason := run.early_end():
        run.folder.say(reason)
    hooks.end()
    run.state.ended = True
    saver.save()  # a callback may have changed the weights at the end


def _end_epoch(run: Run, evaluate: Callable[..., Evaluation], hooks: Hooks, saver: Saver) -> None:
    """Evaluates, records, saves."""
    run.renew_averages()
    images, validation = run.material.validation, None
    if images is not None:
        validation = evaluate(images, after_batch=lambda batch, so_far: saver.save_if_due())
    row = run.close_epoch(validation)
    hooks.after_epoch(row, validation)
    saver.save()
    saver.stop_if_asked()
    if not run.is_trained:
        hooks.before_epoch()


def _timed(batches: Iterable) -> Iterator[tuple]:
    """Yields each batch with the seconds that the training waited for it."""
    began = time.perf_counter()
    for batch in batches:
        yield batch, time.perf_counter() - began
        began = time.perf_counter()
