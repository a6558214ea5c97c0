"""Starts a run, or resumes it from its folder."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfresnet import models
from tfresnet.data import OPTIONS, load_dataset, resolve_data_dir, stored_data_dir
from tfresnet.errors import InputError
from tfresnet.layers import conv_forms
from tfresnet.own.network import OwnNetwork
from tfresnet.runs.checkpoints import State
from tfresnet.runs.environment import environment, program, session
from tfresnet.runs.folder import RunFolder, SilentFolder, checksum
from tfresnet.runs.network import make_preprocessing, mean_and_std
from tfresnet.runs.record import RunRecord
from tfresnet.runs.variables import restore
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.fields import Role
from tfresnet.settings.model_names import own_code
from tfresnet.system.devices import Devices
from tfresnet.system.hardware import choose_conv_forms, choose_precision
from tfresnet.training.endings import explain_failures
from tfresnet.training.learner import Learner
from tfresnet.training.material import Material
from tfresnet.training.run import Run

logger = logging.getLogger("tfresnet")


@contextmanager
def start_run(config: TrainConfig, model: object = None) -> Iterator[Run]:
    """Makes a new run and locks its folder, which is made last, when all else has succeeded.
    `model` replaces that of the settings; see `OwnNetwork`. Raises `InputError`: impossible
    settings, missing data, or the folder exists."""
    own = None
    if model is not None or own_code(config.model):
        own = OwnNetwork(config.model if model is None else model)
        config = dataclasses.replace(config, model=own.title)
    config = config.resolved()
    if config.target_top1 and config.target_top1 <= 1:
        percent = f"{config.target_top1:g} %, not {100 * config.target_top1:g} %"
        logger.warning("target_top1 is in percent: the training stops at %s", percent)
    devices = Devices.choose(config.strategy)
    if devices.is_chief:
        RunFolder.new_path(config.to_dict())  # fails early, before anything slow
    weights = _read_weights(config, own)
    config, reason = fit_to_machine(fit_to_weights(config, weights))
    config, material = load_material(config)
    _check_workers_agree(devices, config, material, own, resume=False)
    if weights:
        make_preprocessing(config.mean, config.std, material.dataset, weights.source)  # may warn
    with devices.detect_lost_workers(), devices.strategy.scope():
        learner = Learner.build(config, material.dataset, weights, own)
    about = environment() | {"dtype_policy": config.precision, "devices": str(devices)}
    about["held_out"] = len(material.validation or ())
    if fingerprint := material.dataset.fingerprint:
        about["data"] = fingerprint
    if own:
        about["trainable"] = sum(v.numpy().size for v in learner.network.trainable_variables)
    code = own and own.text
    folder = RunFolder.create(config.to_dict(), about, code) if devices.is_chief else None
    path = devices.gather_texts(str(folder.path) if folder else "")[0]
    folder = folder or SilentFolder(path)
    run = Run(config, devices, folder, material, learner, State(replicas=devices.replicas))
    _introduce(run, reason, own)
    forms = conv_forms.use(config.conv_forms)
    with explain_failures(folder), folder.lock(), devices.detect_lost_workers(), forms:
        yield run


@contextmanager
def resume_run(record: RunRecord, **moved: str | Path) -> Iterator[Run]:
    """Restores a run from the newest checkpoint in its folder, which is locked. `moved` holds a new
    `data_dir` or `strategy`, which the settings then keep. Raises `InputError`, without changing a
    file: no such run, missing data, or no checkpoint that fits."""
    path, own = record.path, record.own
    record.folder.check_resumable()
    config = record.config
    data_dir = moved.get("data_dir") or stored_data_dir(config.dataset, config.data_dir)
    config = dataclasses.replace(config, **moved | {"data_dir": data_dir})
    devices = Devices.choose(config.strategy)
    folder = RunFolder(path) if devices.is_chief else SilentFolder(path)
    config, material = load_material(fit_to_machine(config)[0])
    if material.dataset.fingerprint != record.environment.get("data", ""):
        raise InputError(
            "a run can be continued on the same pictures alone. Received: other names or sizes "
            f"of files than when it began, in {config.data_dir}"
        )
    _check_workers_agree(devices, config, material, own, resume=True)
    has_begun = bool(folder.checkpoints.paths())  # or it stopped before its first checkpoint
    weights = None if has_begun else _read_weights(config, own)
    with devices.detect_lost_workers(), devices.strategy.scope():
        learner = Learner.build(config, material.dataset, weights, own)
    with explain_failures(folder), folder.lock(), devices.detect_lost_workers():
        state = _restore_state(learner, folder, devices)
        run = Run(config, devices, folder, material, learner, state or State())
        where = f"after {run.position()}" if state else "from the beginning: no checkpoint"
        folder.say(f"resuming {folder.path} {where}")
        if state and state.replicas != devices.replicas:
            before = state.replicas
            folder.say(f"{devices}, {before} before: the same batches, not the same rounding")
        run.state.replicas = devices.replicas
        sessions = [*record.environment.get("resumed", []), session()]
        folder.write_config(config.to_dict(), record.environment | {"resumed": sessions})
        with conv_forms.use(config.conv_forms):
            yield run


def fit_to_weights(config: TrainConfig, weights: models.Weights | None) -> TrainConfig:
    """The settings with the weights' mean and deviation, and the options that their names show."""
    mean, std = mean_and_std(config.mean, config.std, weights)
    config = dataclasses.replace(config, mean=mean, std=std)
    if weights is None or own_code(config.model):
        return config
    given = {"shortcut": config.shortcut} | (config.model_option or {})
    options = models.options_for(config.model, weights, **given)
    stated = {("stem", "auto"), ("shortcut", config.shortcut)}  # elsewhere
    options = {name: value for name, value in options.items() if (name, value) not in stated}
    return dataclasses.replace(config, model_option=options or None)


def _read_weights(config, own):
    if config.weights is None:
        return None
    code = own and own.custom_objects()
    return models.read_weights(config.weights, config.model, config.pixels, code)


def fit_to_machine(config: TrainConfig) -> tuple[TrainConfig, str]:
    """Returns (settings with precision and absolute `data_dir`, reason for the precision)."""
    precision, reason = choose_precision(config.precision)
    chosen = {"precision": precision, "conv_forms": choose_conv_forms(config.conv_forms)}
    place = resolve_data_dir(config.data_dir)
    return dataclasses.replace(config, **chosen, data_dir=place), reason


def load_material(config: TrainConfig) -> tuple[TrainConfig, Material]:
    """The settings with the warm-up, which depends on the number of images, and the images."""
    options = {name: getattr(config, name) for name in OPTIONS}
    dataset = load_dataset(config.dataset, config.data_dir, **options)
    material = Material.split(dataset, config)
    return config.with_warmup(material.steps_per_epoch), material


def _check_workers_agree(devices, config, material, own, resume):
    if devices.workers > 1:
        facts = config.select(Role.WHAT, Role.HOW) | program() | {"resume": resume}
        facts["code of the network (checksum)"] = checksum((own and own.text) or "")
        devices.check_equal(facts | {"data (checksum)": material.checksum})


def _introduce(run, precision_reason, own):
    config, material = run.config, run.material
    images = f"{len(material.train):,} images"
    images += f", {len(material.validation):,} held out" if material.validation else ""
    run.folder.say(f"{config.model} on {config.dataset}: {images}; {run.folder.path}")
    if config.dataset == "folder" or config.classes:
        for line in material.describe():
            run.folder.say(line)
    run.folder.say(f"precision {config.precision} ({precision_reason})")
    for remark in own.remarks if own else ():
        run.folder.say(remark)
    if run.devices.replicas > 1:
        run.folder.say(f"{run.devices} share the {config.batch_size} images of each step")


def _restore_state(learner: Learner, folder: RunFolder, devices: Devices) -> State | None:
    """Loads the newest checkpoint into `learner`, and returns its state; None without one."""
    state = folder.checkpoints.newest(set_aside=devices.is_chief)
    devices.check_equal({"newest checkpoint": state and state.step})
    try:
        if state:
            restore(learner.variables, state.without_callbacks())
    except ValueError as error:
        raise InputError(
            f"this run cannot be continued: {error}. Received: {folder.path}"
        ) from error
    return state
