"""The training of one network: the only place that calls Keras' `compile` and `fit`."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.atomic import replaced
from tfresnet.errors import InputError
from tfresnet.evaluation import evaluate_model, summary_line
from tfresnet.training.callbacks import Position, Progress, StopOnNonFiniteLoss
from tfresnet.training.checkpointer import Checkpointer
from tfresnet.training.checkpoints import State, all_variables, restore
from tfresnet.training.config import TrainConfig
from tfresnet.training.endings import explained
from tfresnet.training.job import Job, build_network, prepare
from tfresnet.training.losses import CrossEntropy
from tfresnet.training.optimizer import SGD
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.schedules import WarmupSchedule
from tfresnet.training.signals import StopRequest, stop_requests
from tfresnet.training.step import TrainingModel
from tfresnet.training.tensorboard import TensorBoard, write_test


@dataclass
class Run:
    """A finished run: its folder, its history (a row an epoch), its model and its test result."""

    path: Path
    history: list[dict] = field(repr=False)
    model: keras.Model = field(repr=False)
    result: dict = field(repr=False)


def train(
    config: TrainConfig | None = None,
    *,
    resume: str | Path | None = None,
    data_dir: str | Path | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> Run:
    """Trains a network, or continues a run that was stopped, and tests it once at the end.

    Args:
        config: settings of a new run.
        resume: folder of a run to continue instead, exactly as if it had never stopped.
        data_dir: folder that holds the data set, in place of the settings' (it may have moved
            since a run began).
        callbacks: Keras callbacks of the caller. After a resume in mid-epoch they see
            `on_train_begin` twice, first for the rest of that epoch.

    Raises:
        InputError: impossible settings, missing data, a run folder that exists or cannot be
            written; nothing has been written then.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
        DivergedError: the loss or a weight is not finite any more.
        RunError: the disk or the data failed; what was saved before is.
    """
    resumed = resume is not None
    if resumed == (config is not None):
        raise InputError("train takes either a config or a run to resume. Received: both or none")
    if resumed and (run := _finished_run(RunFolder(resume))):
        return run
    config = TrainConfig.from_run(resume) if resumed else config
    job = prepare(config if data_dir is None else replace(config, data_dir=data_dir))
    network = build_network(job)
    if not resumed:
        models.load_weights(network, job.config.weights)
    model = TrainingModel(network)
    compile_model(model, job)
    folder = RunFolder(resume) if resumed else RunFolder.create(job.config)
    with folder.lock(), explained(folder):
        state = _saved_state(folder, model, job) if resumed else _first_state(folder, job)
        if state.epoch < job.config.epochs:
            with stop_requests() as request:
                _fit(model, job, folder, state, request, list(callbacks))
        return _finish(network, job, folder, state)


def _finished_run(folder):
    """The run in a folder that has nothing left to do, which is not touched; else None."""
    result = folder.read_result()
    if result is None:
        return None
    try:
        run = Run(folder.path, folder.read_history(), models.load_model(folder.model), result)
    except ValueError:  # damaged since: made again from the last checkpoint
        return None
    print(f"{folder.path} is finished: {summary_line(result)}")
    return run


def compile_model(model: TrainingModel, job: Job) -> None:
    """Gives the model its optimiser, loss and metrics."""
    config = job.config
    schedule = WarmupSchedule(
        config.lr,
        warmup_steps=round(config.warmup_epochs * job.steps),
        total_steps=config.epochs * job.steps,
        course=config.lr_scheduler,
    )
    optimizer = SGD(schedule, config.momentum, config.nesterov, l2=config.weight_decay)
    if job.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name="loss_scale")
    top_k = min(5, job.dataset.num_classes)
    model.compile(
        optimizer,
        loss=CrossEntropy(config.label_smoothing),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="top1"),
            keras.metrics.SparseTopKCategoricalAccuracy(k=top_k, name="top5"),
        ],
    )
    optimizer.build(model.trainable_variables)
    # The metrics get their variables now, which a resume in mid-epoch fills before the first step.
    classes = job.dataset.num_classes
    model.compute_metrics(None, keras.ops.zeros((1,), "int32"), keras.ops.zeros((1, classes)))
    model.reset_metrics()


def _first_state(folder, job):
    """The beginning, with the settings stored and shown."""
    # The precision that "auto" has chosen here: on another machine it might choose another.
    config = replace(job.config, precision=job.precision)
    folder.write_config(config, {"dtype_policy": job.precision})
    parameters = f"{len(job.train):,} images"
    held_out = f", {len(job.validation):,} held out" if job.validation else ""
    folder.say(f"{config.model} on {config.dataset}: {parameters}{held_out}; {folder.path}")
    folder.say(f"precision {job.precision} ({job.reason})")
    return State()


def _saved_state(folder, model, job):
    """The newest checkpoint put into the model, or the beginning."""
    state = folder.checkpoints.newest()
    if state is None:
        models.load_weights(model, job.config.weights)
        folder.say(f"resuming {folder.path} from the beginning: it has no checkpoint")
        return State()
    # Without the metrics: `fit` clears them, and `Position` puts them back after that.
    variables = {k: v for k, v in all_variables(model).items() if not k.startswith("metrics/")}
    try:
        restore(variables, state.group("model", "optimizer"))
    except ValueError as error:
        raise InputError(
            f"this run cannot be continued: {error}. Received: {folder.path}"
        ) from error
    folder.say(f"resuming {folder.path} after {state.epoch} epochs and {state.step} steps")
    return state


def _fit(model, job, folder, state, request: StopRequest, callbacks):
    config, steps = job.config, job.steps
    position = Position(state, steps)
    board = TensorBoard(folder, position, config, job.dataset, job.validation)
    all_callbacks = [
        position,
        StopOnNonFiniteLoss(position),
        board,
        Progress(position, folder, config.epochs, config.batch_size),
        *callbacks,
        Checkpointer(position, folder, config.checkpoint_minutes, request, board.flush),
    ]
    validation = job.validation_batches()
    for first, last, length in _portions(state, steps, config.epochs):
        if length == 0:
            _close_epoch(model, state, validation, all_callbacks)
            continue
        model.fit(
            job.train_batches(state.epoch, state.step),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=length,
            validation_data=validation,
            callbacks=all_callbacks,
            shuffle=False,  # the stream has its own order
            verbose=0,
        )
    board.close()


def _close_epoch(model, state, validation, callbacks):
    """What `fit` does after the last step of an epoch, for a run that was stopped there."""
    callbacks = keras.callbacks.CallbackList(callbacks, model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(state.epoch)
    logs = dict(state.logs)
    if validation:
        results = model.evaluate(validation, callbacks=callbacks, return_dict=True, verbose=0)
        logs |= {f"val_{name}": value for name, value in results.items()}
    callbacks.on_epoch_end(state.epoch, logs)
    callbacks.on_train_end()


def _portions(state, steps, epochs):
    """Calls of `fit`, (first epoch, end, steps an epoch): the rest of a begun epoch is one."""
    first = state.epoch
    if state.step:
        yield first, first + 1, steps - state.step
        first += 1
    if first < epochs:
        yield first, epochs, steps


def _finish(network, job, folder, state):
    network = models.inference_model(network)
    folder.write_history(state.history)
    with replaced(folder.model) as path:
        network.save(path)
    result = evaluate_model(network, job.dataset.test, job.dataset)
    result = {"model": job.config.model, "dataset": job.config.dataset, "split": "test"} | result
    speed = result.pop("images_per_second")  # differs from run to run; the log keeps it
    write_test(folder, network, job.config, job.dataset, state.history, result)
    folder.write_result(result)
    folder.say(f"{summary_line(result)}  {speed:.0f} images/s")
    return Run(folder.path, state.history, network, result)
