"""The command that repeats a training."""

import shlex
from collections.abc import Collection

from tfresnet.settings.config import TrainConfig
from tfresnet.settings.fields import Role
from tfresnet.settings.values import as_text


def command(config: TrainConfig, left_out: Collection[str] = ()) -> str:
    """The `train.py` command with the resolved settings that differ from today's recipe. Settings
    that only say what is kept of the run, and where, and those in `left_out` are omitted."""
    same = {"model": config.model, "recipe": config.recipe}
    usual = TrainConfig(**same, epochs=config.epochs).resolved().to_dict()
    usual |= {"recipe": TrainConfig().recipe, "epochs": TrainConfig(**same).resolved().epochs}
    words = ["python", "train.py", "--model", config.model]
    for name, value in config.select(Role.WHAT, Role.HOW, Role.WHERE).items():
        if value in (usual[name], None) or name in ("model", *left_out):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", as_text(value)]
    return shlex.join(words)
