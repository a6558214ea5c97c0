"""Which part of a network a variable belongs to."""

from collections.abc import Sequence


def stage_of(path: str) -> str:
    """The stage in a path such as `conv3_block1/conv1/kernel`: `conv3`, the paper's name.

    A layer that is in no unit is a stage of its own (`conv1`, `predictions`).
    """
    return path.split("/")[0].split("_block")[0]


def by_stage(variables: list, values: Sequence[float]) -> dict[str, float]:
    """Sums of `values`, one a variable, over the stages, in the order of the network."""
    sums = {}
    for variable, value in zip(variables, values, strict=True):
        stage = stage_of(variable.path)
        sums[stage] = sums.get(stage, 0.0) + float(value)
    return sums
