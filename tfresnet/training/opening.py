"""How a run begins, and how it is taken up again."""

import dataclasses
from pathlib import Path

from tfresnet import models
from tfresnet.devices import Devices
from tfresnet.errors import InputError
from tfresnet.runs.environment import environment
from tfresnet.runs.folder import RunFolder, SilentFolder
from tfresnet.runs.network import mean_and_std, prepared
from tfresnet.training.config import TrainConfig
from tfresnet.training.run import Run


def start(config: TrainConfig) -> Run:
    """A new run; its folder is made when all else has succeeded.

    Raises:
        InputError: impossible settings, missing data, a folder that exists.
    """
    config = config.resolved()
    devices = Devices.choose(config.strategy)
    if devices.is_chief:
        RunFolder.new_path(config.to_dict())  # before anything slow
    weights = models.read_weights(config.weights, config.model) if config.weights else None
    run = Run(fitted_to(config, weights), devices)
    config = run.config
    if weights:
        prepared(config.mean, config.std, run.dataset, weights.source)
        weights.fill(run.network)
    about = environment() | {"dtype_policy": config.precision, "devices": str(devices)}
    about |= {"data": run.dataset.fingerprint} if run.dataset.fingerprint else {}
    if devices.is_chief:
        run.folder = RunFolder.create(config.to_dict(), about)
    path = devices.everyones(str(run.folder.path) if devices.is_chief else "")[0]
    if not devices.is_chief:
        run.folder = SilentFolder(path)
    images = f"{len(run.train):,} images"
    images += f", {len(run.validation):,} held out" if run.validation else ""
    run.folder.say(f"{config.model} on {config.dataset}: {images}; {run.folder.path}")
    run.folder.say(f"precision {config.precision} ({run.precision_reason})")
    if devices.replicas > 1:
        run.folder.say(f"{devices} share the {config.batch_size} images of each step")
    return run


def resume(path: str | Path, **moved: str | Path) -> Run:
    """The run in a folder, at its beginning; `Run.restore` brings it to where it was.

    Args:
        moved: `data_dir` or `strategy`, if it is another now; the settings keep it.

    Raises:
        InputError: no such run, or missing data.
    """
    content = RunFolder(path).read_config()
    RunFolder(path).check_resumable()
    config = dataclasses.replace(TrainConfig.from_dict(content["settings"]), **moved)
    devices = Devices.choose(config.strategy)
    folder = RunFolder(path) if devices.is_chief else SilentFolder(path)
    run = Run(config, devices, folder)
    if run.dataset.fingerprint != content["environment"].get("data", ""):
        raise InputError(
            "a run can be continued on the same pictures alone. Received: other names or sizes "
            f"of files than when it began, in {run.config.data_dir}"
        )
    return run


def fitted_to(config: TrainConfig, weights: models.Weights | None) -> TrainConfig:
    """The settings with what comes along with weights: how pixels are prepared, and where
    bottlenecks have their stride."""
    mean, std = mean_and_std(config.mean, config.std, weights)
    option = config.model_option
    if weights and weights.stride_in_3x3 and "stride_in_3x3" not in (option or ""):
        option = ",".join(filter(None, [option, "stride_in_3x3=True"]))
    return dataclasses.replace(config, mean=mean, std=std, model_option=option)
