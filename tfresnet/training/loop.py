"""The training of one network, from its first step, or where it was stopped, to its test."""

import functools
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.evaluation import Evaluator, summary_line
from tfresnet.signals import StopRequest, stop_requests
from tfresnet.training import opening
from tfresnet.training.companions import Companions, harmless
from tfresnet.training.config import TrainConfig
from tfresnet.training.endings import explained
from tfresnet.training.finished import FinishedRun, times
from tfresnet.training.keras_callbacks import KerasCallbacks
from tfresnet.training.progress import Progress
from tfresnet.training.run import DivergedError, Run
from tfresnet.training.saving import Saver
from tfresnet.training.step import TrainStep
from tfresnet.training.tensorboard import TensorBoard, write_test
from tfresnet.training.transfer import Head


def train(
    config: TrainConfig | None = None,
    *,
    resume: str | Path | None = None,
    data_dir: str | Path | None = None,
    strategy: str | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> FinishedRun:
    """Trains a network, or continues a run that was stopped, and tests it once at the end.

    Args:
        config: settings of a new run.
        resume: folder of a run to continue instead, exactly as if it had never stopped.
        data_dir: folder that holds the data set, in place of the settings' (it may have moved
            since a run began).
        strategy: in place of the settings', if a run goes on on other devices.
        callbacks: Keras callbacks of the caller; see `KerasCallbacks`.

    Raises:
        InputError: impossible settings, missing data, a run folder that exists or cannot be
            written; nothing has been written then.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
        DivergedError: the loss or a weight is not finite any more.
        RunError: the disk or the data failed; what was saved before is.
    """
    if (resume is None) == (config is None):
        raise InputError("train takes either a config or a run to resume. Received: both or none")
    moved = {"data_dir": data_dir, "strategy": strategy}
    moved = {name: value for name, value in moved.items() if value is not None}
    if resume is None:
        run = opening.start(replace(config, **moved))
    elif run := FinishedRun.read(resume):
        print(f"{run.path} is finished: {summary_line(run.result)}")
        return run
    else:
        run = opening.resume(resume, **moved)
    with run.folder.lock(), explained(run.folder), run.devices.together():
        if resume is not None:
            run.restore()
            if moved:
                run.folder.replace_settings(run.config.to_dict())
        evaluator = Evaluator(run.model, run.dataset.class_names, devices=run.devices)
        if not run.is_trained:
            with stop_requests() as stop:
                _train(run, evaluator, stop, list(callbacks))
        return _test(run, evaluator)


def _train(run: Run, evaluator: Evaluator, stop: StopRequest, callbacks: list) -> None:
    """From where the run is to the end of its last epoch."""
    smoothing, keep = run.config.label_smoothing, run.config.histograms > 0
    network, batches = run.network, run.batches
    if run.config.transfer == "head":
        evaluator = head = Head(run)
        network, batches = head.network, head.batches
    strategy, is_chief = run.devices.strategy, run.devices.is_chief
    step = TrainStep(
        network, run.optimizer, smoothing, strategy, keep_gradients=keep, averages=run.averages
    )
    board = TensorBoard(run, step)
    companions = Companions([board, Progress(run)] if is_chief else [])
    if callbacks:
        companions.append(KerasCallbacks(run, callbacks))
    saver = Saver(run, stop, before_save=board.flush)

    companions.tell("begin")
    if not run.folder.checkpoints.paths():
        saver.save()  # a disk too full, or not ours, is better known now than in an hour
    companions.tell("before_epoch")
    if run.is_at_end_of_epoch:  # it was stopped in its validation
        _end_epoch(run, evaluator, companions, saver)
    for images, labels in batches():
        companions.tell("before_step")
        began = time.perf_counter()
        share = run.share_of_peak(run.state.step)
        measured = step(images, labels, share, observe=board.is_due(run.state.step + 1))
        seconds = time.perf_counter() - began
        run.count(measured, seconds)
        companions.tell("after_step", measured, seconds)
        saver.save_if_due()
        if run.is_at_end_of_epoch:
            _end_epoch(run, evaluator, companions, saver)
    companions.tell("end")


def _end_epoch(run: Run, evaluator: Evaluator, companions: Companions, saver: Saver) -> None:
    """Evaluates, records, saves."""
    validation = None
    run.renew_averages()
    if run.validation is not None:

        def after_batch(number, so_far):
            companions.tell("after_validation_batch", number, so_far)
            saver.save_if_due()

        companions.tell("before_validation")
        before_batch = functools.partial(companions.tell, "before_validation_batch")
        validation = evaluator(run.validation, before_batch, after_batch)
        companions.tell("after_validation", validation)
    row = run.close_epoch(validation)
    companions.tell("after_epoch", row, validation)
    saver.save()
    saver.stop_if_asked()
    if not run.is_trained:
        companions.tell("before_epoch")


def _test(run: Run, evaluator: Evaluator) -> FinishedRun:
    """The one look at the test images; the result is the last file of a run."""
    run.folder.write_history(run.history)
    run.save_model()
    evaluation = evaluator(run.dataset.test)
    if evaluation.not_numbers:
        raise DivergedError(f"{evaluation.not_numbers} answers to the test are not finite")
    about = {"model": run.config.model, "dataset": run.config.dataset, "split": "test"}
    flipped = evaluator(run.dataset.test, tta=True)
    result = about | evaluation.metrics | {"top1_flip": flipped.metrics["top1"]} | times(run.state)
    if run.devices.is_chief:
        with harmless("the pages of the test"):
            write_test(run, evaluation)
    run.folder.write_result(result)
    run.folder.say(f"{summary_line(result)}  {evaluation.images_per_second:.0f} images/s")
    return FinishedRun(run.folder.path, run.history, run.model, result)
