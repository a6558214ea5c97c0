"""The state of Keras callbacks, in the form that a checkpoint holds."""

from collections.abc import Iterator

import keras
import numpy as np

from tfresnet.errors import InputError

_REMEMBERED = {
    keras.callbacks.EarlyStopping: (
        *("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    ),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        *("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    ),
    keras.callbacks.TensorBoard: ("_global_train_batch", "_global_test_batch"),
    keras.callbacks.History: ("epoch", "history"),
}


def collect(callbacks: list[keras.callbacks.Callback]) -> tuple[dict, dict[str, np.ndarray]]:
    """(what JSON can hold of the callbacks' state, by callback; its arrays, by name).

    Kept are Keras' own attributes and whatever `get_state()` gives. Raises `InputError` for a state
    of other things than numbers, text, lists, dicts and arrays.
    """
    arrays: dict[str, np.ndarray] = {}
    states = {}
    for name, callback in name_each(callbacks):
        if has_own_state(callback):
            states[name] = _packed(callback.get_state(), name, arrays)
        elif attributes := _attributes(callback):
            state = {key: getattr(callback, key, None) for key in attributes}
            states[name] = _packed(state, name, arrays)
    return states, arrays


def restore(callback: keras.callbacks.Callback, state: object, arrays: dict) -> None:
    """Restores the state of a callback, in the form of `collect`."""
    state = _unpacked(state, arrays)
    if has_own_state(callback):
        callback.set_state(state)
    else:
        vars(callback).update(state)


def name_each(callbacks: list[keras.callbacks.Callback]) -> Iterator[tuple[str, object]]:
    """(name, callback): the class, and a number from the second of a class on."""
    counts: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        counts[kind] = counts.get(kind, 0) + 1
        yield kind if counts[kind] == 1 else f"{kind}-{counts[kind]}", callback


def begins_anew(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback may have a state that checkpoints do not keep."""
    return not (has_own_state(callback) or is_of_keras(callback))


def is_of_keras(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.startswith("keras.")


def has_own_state(callback: keras.callbacks.Callback) -> bool:
    return all(callable(getattr(callback, name, None)) for name in ("get_state", "set_state"))


def _attributes(callback):
    kinds = [kind for kind in _REMEMBERED if isinstance(callback, kind)]
    return [name for kind in kinds for name in _REMEMBERED[kind]]


def _packed(value, owner, arrays):
    """`value` for JSON; a dict becomes {"dict": ...}, an array {"array": its name}."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_packed(part, owner, arrays) for part in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _packed(part, owner, arrays) for key, part in value.items()}}
    array = np.asarray(value)
    if array.dtype.kind not in "biufcSU":
        raise InputError(
            f"the state of {owner} must be numbers, text, lists, dicts with text for keys, and "
            f"arrays. Received: {type(value).__name__}"
        )
    if array.ndim == 0:
        return array.item()
    name = f"callbacks/{len(arrays)}"
    arrays[name] = array
    return {"array": name}


def _unpacked(value, arrays):
    if isinstance(value, list):
        return [_unpacked(part, arrays) for part in value]
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        return {key: _unpacked(part, arrays) for key, part in value["dict"].items()}
    return value
