"""Saves states as a training does, in a process that starts in no time: python saves.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from support.strace import promise

from tfresnet.errors import InputError
from tfresnet.runs.checkpoints import Checkpoints, State, read
from tfresnet.system.atomic import make_folder, write_text

SAVES = 5


def state(step: int) -> State:
    """Other numbers at each step; one array is longer than a page of a disk."""
    rng = np.random.default_rng(step)
    arrays = {"model/kernel": rng.normal(size=3000), "optimizer/iteration": np.asarray(step)}
    return State(step, {"images": 64.0, "loss": rng.random()}, arrays=arrays)


def main(disk):
    run = Path(disk) / "logs" / "run"
    make_folder(run)
    write_text(run / "config.json", "{}\n")
    promise(disk, "config.json")
    checkpoints = Checkpoints(run / "checkpoints")
    for step in range(SAVES):
        write_text(run / "history.csv", f"{step}\n")
        print(name := checkpoints.save(state(step)).name)
        promise(disk, name)


def survive(run: Path, promised: list[str]) -> bool:
    """Whether all that `promised` names is there, and each checkpoint is what was saved."""
    checkpoints = Checkpoints(run / "checkpoints")
    try:
        newest = checkpoints.newest(set_aside=True)
    except InputError:  # none is whole
        newest = None
    wanted = max((int(name[5:-4]) for name in promised if name.startswith("step")), default=-1)
    if newest is None or newest.step < wanted:
        return wanted < 0
    return all(same(read(path), state(int(path.stem[5:]))) for path in checkpoints.paths())


def same(a: State, b: State) -> bool:
    alike = vars(a) | {"arrays": [*a.arrays]} == vars(b) | {"arrays": [*b.arrays]}
    return alike and all(np.array_equal(a.arrays[name], b.arrays[name]) for name in a.arrays)


if __name__ == "__main__":
    main(sys.argv[1])
