"""The variables of a model and of its optimiser by names that are the same in every process."""

import itertools

import numpy as np


def model_variables(model, group: str = "model") -> dict:
    """Weights, moving statistics and the states of random layers of a Keras model."""
    named, seeds = {}, itertools.count()
    for variable in model.variables:
        # Keras numbers these through the whole process, not by model.
        is_seed = variable.path.endswith("seed_generator_state")
        path = f"seed_generator_state/{next(seeds)}" if is_seed else variable.path
        named[f"{group}/{path}"] = variable
    return _unique(named, model.variables)


def optimizer_variables(optimizer) -> dict:
    """Everything that an optimiser with `variables` keeps from step to step."""
    named = {f"optimizer/{variable.path}": variable for variable in optimizer.variables}
    return _unique(named, optimizer.variables)


def _unique(named, variables):
    if len(named) != len(variables):
        lost = len(variables) - len(named)
        raise ValueError(f"variables need paths of their own. Received: {lost} twice")
    return named


def collect(variables: dict) -> dict[str, np.ndarray]:
    """Values of named variables, as `State.arrays` keeps them."""
    return {name: np.asarray(variable) for name, variable in variables.items()}


def restore(variables: dict, arrays: dict[str, np.ndarray]) -> None:
    """Puts saved values back.

    Raises:
        ValueError: the names or shapes are not those of `variables`.
    """
    ours = {name: tuple(variable.shape) for name, variable in variables.items()}
    saved = {name: array.shape for name, array in arrays.items()}
    if ours != saved:
        different = sorted(set(ours.items()) ^ set(saved.items()))[:3]
        raise ValueError(f"the checkpoint is of another model or optimiser: {different}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
