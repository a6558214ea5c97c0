"""How a run begins, and how it is taken up again."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfresnet import models
from tfresnet.data import OPTIONS, load_dataset, resolve_data_dir, stored_data_dir
from tfresnet.errors import InputError
from tfresnet.runs.checkpoints import State
from tfresnet.runs.environment import environment, sitting
from tfresnet.runs.folder import RunFolder, SilentFolder
from tfresnet.runs.network import mean_and_std, prepared
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import restore
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.fields import Role
from tfresnet.system.devices import Devices
from tfresnet.system.hardware import choose_precision
from tfresnet.training.endings import explained
from tfresnet.training.learner import Learner
from tfresnet.training.material import Material
from tfresnet.training.run import Run


@contextmanager
def started(config: TrainConfig) -> Iterator[Run]:
    """A new run, alone in its folder, which is made when all else has succeeded.

    Raises:
        InputError: impossible settings, missing data, a folder that exists.
    """
    config = config.resolved()
    devices = Devices.choose(config.strategy)
    if devices.is_chief:
        RunFolder.new_path(config.to_dict())  # before anything slow
    weights = models.read_weights(config.weights, config.model) if config.weights else None
    config, reason = fitted_to_machine(fitted_to_weights(config, weights))
    config, material = with_material(config)
    _agree(devices, config, material, resume=False)
    if weights:
        prepared(config.mean, config.std, material.dataset, weights.source)
    with devices.together(), devices.strategy.scope():
        learner = Learner.build(config, material.dataset, weights)
    about = environment() | {"dtype_policy": config.precision, "devices": str(devices)}
    about["held_out"] = len(material.validation or ())
    if fingerprint := material.dataset.fingerprint:
        about["data"] = fingerprint
    folder = _new_folder(devices, config, about)
    run = Run(config, devices, folder, material, learner, State(replicas=devices.replicas))
    _introduce(run, reason)
    with folder.lock(), explained(folder), devices.together():
        yield run


@contextmanager
def resumed(path: str | Path, **moved: str | Path) -> Iterator[Run]:
    """The run in a folder, alone in it and where it was stopped. A refusal changes no file.

    Args:
        moved: `data_dir` or `strategy`, if it is another now; the settings keep it.

    Raises:
        InputError: no such run, missing data, no whole checkpoint, or one of another network.
    """
    record = RunRecord(path)
    record.folder.check_resumable()
    config = record.config
    data_dir = moved.get("data_dir") or stored_data_dir(config.dataset, config.data_dir)
    config = dataclasses.replace(config, **moved | {"data_dir": data_dir})
    devices = Devices.choose(config.strategy)
    folder = RunFolder(path) if devices.is_chief else SilentFolder(path)
    config, _ = fitted_to_machine(config)
    config, material = with_material(config)
    _check_same_pictures(material, record.environment, config)
    _agree(devices, config, material, resume=True)
    weights = None
    if config.weights and not folder.checkpoints.paths():  # stopped before its first checkpoint
        weights = models.read_weights(config.weights, config.model)
    with devices.together(), devices.strategy.scope():
        learner = Learner.build(config, material.dataset, weights)
    with folder.lock(), explained(folder), devices.together():
        state = _restored(learner, folder, devices)
        run = Run(config, devices, folder, material, learner, state or State())
        where = f"after {run.where_it_is()}" if state else "from the beginning: no checkpoint"
        folder.say(f"resuming {folder.path} {where}")
        if state and state.replicas != devices.replicas:
            before = state.replicas
            folder.say(f"{devices}, {before} before: the same batches, not the same rounding")
        run.state.replicas = devices.replicas
        folder.write_config(config.to_dict(), _with_sitting(record.environment))
        yield run


def fitted_to_weights(config: TrainConfig, weights: models.Weights | None) -> TrainConfig:
    """The settings with what comes along with weights: how pixels are prepared, and where
    bottlenecks have their stride."""
    mean, std = mean_and_std(config.mean, config.std, weights)
    options = config.model_option
    if weights and weights.stride_in_3x3:
        options = {"stride_in_3x3": True} | (options or {})
    return dataclasses.replace(config, mean=mean, std=std, model_option=options)


def fitted_to_machine(config: TrainConfig) -> tuple[TrainConfig, str]:
    """The settings with the precision that "auto" means here and an absolute `data_dir`; and why
    this precision."""
    precision, reason = choose_precision(config.precision)
    place = resolve_data_dir(config.data_dir)
    return dataclasses.replace(config, precision=precision, data_dir=place), reason


def with_material(config: TrainConfig) -> tuple[TrainConfig, Material]:
    """The settings with the warm-up that an epoch's length gives, and the images."""
    options = {name: getattr(config, name) for name in OPTIONS}
    dataset = load_dataset(config.dataset, config.data_dir, **options)
    material = Material.split(dataset, config)
    return config.with_warmup(material.steps_per_epoch), material


def _agree(devices, config, material, resume):
    """All workers must compute the same."""
    facts = config.of(Role.WHAT, Role.HOW)
    facts |= {"training labels (checksum)": material.checksum, "resume": resume}
    devices.agree(facts)


def _new_folder(devices, config, about):
    folder = RunFolder.create(config.to_dict(), about) if devices.is_chief else None
    path = devices.everyones(str(folder.path) if folder else "")[0]
    return folder or SilentFolder(path)


def _introduce(run, precision_reason):
    config, material = run.config, run.material
    images = f"{len(material.train):,} images"
    images += f", {len(material.validation):,} held out" if material.validation else ""
    run.folder.say(f"{config.model} on {config.dataset}: {images}; {run.folder.path}")
    run.folder.say(f"precision {config.precision} ({precision_reason})")
    if run.devices.replicas > 1:
        run.folder.say(f"{run.devices} share the {config.batch_size} images of each step")


def _check_same_pictures(material, environment, config):
    if material.dataset.fingerprint != environment.get("data", ""):
        raise InputError(
            "a run can be continued on the same pictures alone. Received: other names or sizes "
            f"of files than when it began, in {config.data_dir}"
        )


def _restored(learner: Learner, folder: RunFolder, devices: Devices) -> State | None:
    """The state of the newest checkpoint, if there is one; the learner then has its arrays."""
    state = folder.checkpoints.newest(set_aside=devices.is_chief)
    devices.agree({"newest checkpoint": state and state.step})
    try:
        if state:
            restore(learner.variables, state.arrays)
    except ValueError as error:
        raise InputError(
            f"this run cannot be continued: {error}. Received: {folder.path}"
        ) from error
    return state


def _with_sitting(environment):
    """Where and when the run went on, beside where it began."""
    return environment | {"resumed": [*environment.get("resumed", []), sitting()]}
