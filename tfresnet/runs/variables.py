"""Names for the variables of a model and its optimiser that are the same in every process."""

import itertools

import numpy as np


def model_variables(model, group: str = "model") -> dict:
    """The variables of a Keras model by name: weights, moving statistics, seeds of dropout."""
    named, seeds = {}, itertools.count()
    for variable in model.variables:
        # Keras numbers seed generators over the whole process, not over the model.
        is_seed = variable.path.endswith("seed_generator_state")
        path = f"seed_generator_state/{next(seeds)}" if is_seed else variable.path
        named[f"{group}/{path}"] = variable
    return _check_unique(named, model.variables)


def optimizer_variables(optimizer) -> dict:
    """The variables of an optimiser by name."""
    named = {f"optimizer/{variable.path}": variable for variable in optimizer.variables}
    return _check_unique(named, optimizer.variables)


def _check_unique(named, variables):
    if len(named) != len(variables):
        lost = len(variables) - len(named)
        raise ValueError(f"variables need paths of their own. Received: {lost} twice")
    return named


def restore(variables: dict, arrays: dict[str, np.ndarray]) -> None:
    """Assigns saved arrays to variables; raises `ValueError` if names or shapes differ."""
    ours = {name: tuple(variable.shape) for name, variable in variables.items()}
    saved = {name: array.shape for name, array in arrays.items()}
    if ours != saved:
        different = sorted(set(ours.items()) ^ set(saved.items()))[:3]
        raise ValueError(f"the checkpoint is of another model or optimiser: {different}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
