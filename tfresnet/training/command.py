"""The command that gives some settings again."""

import shlex
from collections.abc import Collection

from tfresnet.training.config import TrainConfig

# Where a run lies and what is kept of it, not what it computes.
OF_ONE_RUN = ("output_dir", "name", "checkpoint_minutes", "histograms", "profile_steps")


def command(config: TrainConfig, left_out: Collection[str] = OF_ONE_RUN) -> str:
    """The call of train.py with all resolved settings but `left_out` that differ from what the
    recipe has today."""
    same = {"model": config.model, "recipe": config.recipe}
    usual = TrainConfig(**same, epochs=config.epochs).resolved().to_dict()
    usual |= {"recipe": TrainConfig().recipe, "epochs": TrainConfig(**same).resolved().epochs}
    words = ["python", "train.py", "--model", config.model]
    for name, value in config.to_dict().items():
        if value in (usual[name], None) or name in ("model", *left_out):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)
