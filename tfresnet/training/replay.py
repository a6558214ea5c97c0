"""Computes steps of a run again: the proof that a run is what its settings give.

Checksums stop damage, not forgery: whoever changes a file can also write its checksum. A replay
trains again, in a temporary folder, from the start or from a kept checkpoint, and compares.
"""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.evaluation.evaluator import Evaluator
from tfresnet.runs.checkpoints import Checkpoints, DamagedError, State, read
from tfresnet.runs.environment import environment
from tfresnet.runs.evidence import compare, evidence
from tfresnet.runs.own_code import own_network
from tfresnet.runs.record import RunRecord
from tfresnet.system.signals import Interrupted, stop_requests
from tfresnet.training import loop, setup
from tfresnet.training.run import Run
from tfresnet.training.testing import test

_DECIDE_ROUNDING = ("processor", "cores", "tensorflow", "keras", "numpy")


class _Reached(Exception):  # noqa: N818
    """The last step to compute is done."""


class _Witness(Checkpoints):
    """In place of a run's checkpoints: keeps the states that `originals` has, and writes none."""

    def __init__(self, run: Run, originals: list[State], last_step: int):
        super().__init__(run.folder.checkpoints.folder)
        self.run, self.last_step = run, last_step
        self.seen = dict.fromkeys(map(_moment, originals))

    def save(self, state: State) -> None:
        if _moment(state) in self.seen:
            self.seen[_moment(state)] = replace(state, history=[*state.history])
        run = self.run
        if state.step >= self.last_step and not (run.is_at_end_of_epoch or run.is_trained):
            raise _Reached


def replay(
    path: str | Path,
    steps: int | None = None,
    *,
    model: object = None,
    trust_code: bool = False,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> tuple[bool, str]:
    """Computes the first `steps` steps of the run at `path` again; None: those from its oldest kept
    checkpoint to its newest. With the last step of a training comes the test. The other arguments
    are those of `train`.

    Returns (whether all agrees, what was compared or what differs first): weights, optimiser,
    history and charts, bit for bit; if another processor or version computed the run, see
    `compare`. Raises `InputError`: there is nothing to begin from, or the run needs code or
    callbacks that were not given.
    """
    record = RunRecord(path)
    record.own = own_network(record, model, trust_code)
    states = _states(record)
    begin = _oldest(record, states) if steps is None else None
    if any(state.callbacks for state in states) and not callbacks:
        raise InputError(
            "a run with Keras callbacks can be replayed with the same ones alone, by "
            f"tfresnet.training.replay.replay. Received: none for {record.path}"
        )
    first, last = (begin.step, states[-1].step) if begin else (0, steps)
    states = [state for state in states if first < state.step <= last]
    with tempfile.TemporaryDirectory() as place:
        copy = _copy(record, Path(place) / record.path.resolve().name, begin)
        last, seen = _compute(copy, states, last, callbacks)
        end = last if copy.is_finished else None
        found = evidence(record, states, end), evidence(copy, seen, end)
    theirs, ours = ({k: v for k, v in one.items() if first < k[0] <= last} for one in found)
    other = _differences(record, _DECIDE_ROUNDING)
    good, text = compare(theirs, ours, exact=not other)
    what = f"steps {first + 1} to {last}{' and the test' * copy.is_finished}"
    if other:
        text += f"; the same bits cannot be expected: {', '.join(other)}"
    elif not good:
        text += "; ".join(["", *_differences(record, ["commit"])])
    return good, f"{what}: {text}"


def _states(record):
    states = []
    for file in record.folder.checkpoints.paths():
        with suppress(DamagedError):  # `verify` names it
            states.append(read(file))
    return states


def _oldest(record, states):
    if len(states) < 2:
        raise InputError(
            "a replay needs two kept checkpoints, or a number of steps from the start. "
            f"Received: {len(states)} in {record.path}"
        )
    return states[0]


def _copy(record, path, begin):
    """A run with the settings of `record` that continues from its state `begin`."""
    path.mkdir()
    copy = RunRecord(path, own=record.own)
    often = {"checkpoint_minutes": 1e-9, "profile_steps": None}  # `_Witness` sees each state
    copy.folder.write_config(record.config.to_dict() | often, record.environment)
    if begin:
        copy.folder.checkpoints.save(begin)
    return copy


def _compute(copy, originals, last, callbacks):
    """Trains to the step `last`; returns the last step, and the states that `originals` has."""
    try:
        with setup.resume_run(copy) as run, suppress(_Reached), stop_requests() as stop:
            run.folder.checkpoints = witness = _Witness(run, originals, last)
            classes = run.material.dataset.class_names
            evaluate = Evaluator(run.learner.model, classes, devices=run.devices)
            if not run.state.ended:
                loop.train_to_end(run, evaluate, stop, callbacks)
            test(run, evaluate, None)
    except Interrupted as end:
        raise Interrupted(end.signum, "the replay was stopped") from None
    return run.state.step, [state for state in witness.seen.values() if state]


def _moment(state):
    return state.step, len(state.history), state.ended


def _differences(record, names):
    """What of the environment is not as it was during the run."""
    now = environment()
    said = {
        f"{name} {session[name]} there and {now[name]} here"
        for session in record.sessions
        for name in names
        if session.get(name, now[name]) != now[name]
    }
    return sorted(said)
