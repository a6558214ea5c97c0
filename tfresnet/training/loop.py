"""The training of one network: the only place that calls Keras' `compile` and `fit`."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import keras

from tfresnet import models
from tfresnet.atomic import replaced
from tfresnet.data import eval_batches, load_dataset, steps_per_epoch, train_batches
from tfresnet.data.dataset import Dataset, Split
from tfresnet.errors import InputError
from tfresnet.evaluation import EVAL_BATCH, evaluate_model, summary_line
from tfresnet.training.callbacks import (
    Checkpointer,
    Position,
    Progress,
    StopOnNonFiniteLoss,
    all_variables,
)
from tfresnet.training.checkpoints import State, restore
from tfresnet.training.config import TrainConfig
from tfresnet.training.losses import CrossEntropy
from tfresnet.training.optimizer import SGD
from tfresnet.training.precision import choose_precision
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.schedules import WarmupSchedule
from tfresnet.training.signals import StopRequest, stop_requests
from tfresnet.training.step import TrainingModel
from tfresnet.training.tensorboard import TensorBoard


@dataclass
class Run:
    """A finished run: its folder, its history (a row an epoch), its model and its test result."""

    path: Path
    history: list[dict] = field(repr=False)
    model: keras.Model = field(repr=False)
    result: dict = field(repr=False)


@dataclass
class _Job:
    """What one call of `train` works with."""

    config: TrainConfig
    dataset: Dataset
    train: Split
    validation: Split | None
    steps: int  # an epoch
    precision: str
    reason: str


def train(
    config: TrainConfig | None = None,
    *,
    resume: str | Path | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> Run:
    """Trains a network, or continues a run that was stopped, and tests it once at the end.

    Args:
        config: settings of a new run.
        resume: folder of a run to continue instead, exactly as if it had never stopped.
        callbacks: Keras callbacks of the caller. After a resume in mid-epoch they see
            `on_train_begin` twice, first for the rest of that epoch.

    Raises:
        InputError: impossible settings, missing data, a run folder that exists or cannot be
            written; nothing has been written then.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
        DivergedError: the loss is not finite any more.
    """
    if (config is None) == (resume is None):
        raise InputError("train takes either a config or a run to resume. Received: both or none")
    job = _prepare(TrainConfig.from_run(resume) if resume else config)
    network = _build_network(job)
    model = TrainingModel(network)
    _compile(model, job)
    folder = RunFolder(resume) if resume else _new_folder(job)
    state = _starting_state(folder, model, job)
    if state.epoch < job.config.epochs:
        with stop_requests() as request:
            _fit(model, job, folder, state, request, list(callbacks))
    return _finish(network, job, folder, state)


def _prepare(config):
    config = config.resolved()
    dataset = load_dataset(config.dataset, config.data_dir)
    train, validation = dataset.holdout(config.val_size, config.seed)
    steps = steps_per_epoch(len(train), config.batch_size)
    return _Job(config, dataset, train, validation, steps, *choose_precision(config.precision))


def _build_network(job):
    config = job.config
    options = {"zero_init_last_gamma": True} if config.zero_init_residual else {}
    if config.shortcut != "auto":
        options["shortcut"] = config.shortcut
    keras.utils.set_random_seed(config.seed)
    with _dtype_policy(job.precision):
        network = models.create_model(
            config.model,
            num_classes=job.dataset.num_classes,
            input_shape=job.dataset.image_shape,
            **options,
        )
    return models.load_weights(network, config.weights)


@contextmanager
def _dtype_policy(name) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _compile(model, job):
    config = job.config
    schedule = WarmupSchedule(
        config.lr,
        warmup_steps=round(config.warmup_epochs * job.steps),
        total_steps=config.epochs * job.steps,
        course=config.lr_scheduler,
    )
    optimizer = SGD(schedule, config.momentum, config.nesterov, l2=config.weight_decay)
    if job.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
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


def _new_folder(job):
    folder = RunFolder.create(job.config, {"dtype_policy": job.precision})
    config, parameters = job.config, f"{len(job.train):,} images"
    held_out = f", {len(job.validation):,} held out" if job.validation else ""
    folder.say(f"{config.model} on {config.dataset}: {parameters}{held_out}; {folder.path}")
    folder.say(f"precision {job.precision} ({job.reason})")
    return folder


def _starting_state(folder, model, job):
    """The newest checkpoint put into the model, or the beginning."""
    state = folder.checkpoints.newest()
    if state is None:
        return State()
    # The metrics have no variables before the first step; `Position` puts theirs back.
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
    board = TensorBoard(
        folder.path, position, config.batch_size, json.dumps(config.to_dict(), indent=2)
    )
    all_callbacks = [
        position,
        StopOnNonFiniteLoss(position),
        board,
        Progress(position, folder, config.epochs, config.batch_size),
        *callbacks,
        Checkpointer(position, folder, config.checkpoint_minutes, request),
    ]
    images = {"mean": job.dataset.mean, "std": job.dataset.std}
    batches = train_batches(
        job.train,
        batch_size=config.batch_size,
        seed=config.seed,
        flip=job.dataset.flip,
        augment=config.augment,
        start_epoch=state.epoch,
        start_step=state.step,
        **images,
    )
    validation = None
    if job.validation:
        validation = eval_batches(job.validation, batch_size=EVAL_BATCH, **images)
    for first, last, length in _portions(state, steps, config.epochs):
        model.fit(
            batches,
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=length,
            validation_data=validation,
            callbacks=all_callbacks,
            shuffle=False,  # the stream has its own order
            verbose=0,
        )
    board.close()


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
    folder.write_result(result)
    folder.say(f"{summary_line(result)}  {speed:.0f} images/s")
    return Run(folder.path, state.history, network, result)
