"""What an exercise asks for: calls of a student's functions, and criteria that judge answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

CLOSE = 1e-3  # relative to the norm


@dataclass(frozen=True)
class Finding:
    """What is wrong with an answer: the key of its words, and what they name."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Criterion:
    """One thing that an exercise gives points for.

    `calls(rng)` makes the calls, key -> (how, function, arguments), that it needs. `judge(calls,
    answers)` gets these and the arrays by key, and returns what is wrong, or None.
    """

    name: str
    points: int
    calls: Callable[[np.random.Generator], dict[str, tuple]]
    judge: Callable[[Mapping[str, tuple], Mapping[str, list]], Finding | None]


@dataclass(frozen=True)
class Mark:
    """The points of one criterion, and what is wrong where some are missing."""

    criterion: Criterion
    finding: Finding | None

    @property
    def points(self) -> int:
        return 0 if self.finding else self.criterion.points


def function(
    name: str,
    points: int,
    right: Callable,
    cases: Callable[[np.random.Generator], Iterable[tuple]],
    mistakes: Mapping[str, Callable],
) -> Criterion:
    """A criterion for a function on arrays: it must answer all cases as `right` does. If it answers
    all as one of `mistakes` does, that one is named."""

    def judge(calls, answers):
        arguments = [call[2] for call in calls.values()]
        found = [[*answer.values()] for answer in answers.values()]
        for key, compute in (("", right), *mistakes.items()):
            if all(_equal(got, compute(*a)) for got, a in zip(found, arguments, strict=True)):
                return Finding(key) if key else None
        return _first_difference(found, [right(*a) for a in arguments])

    def calls(rng):
        return {f"{name}{n}": ("call", name, case) for n, case in enumerate(cases(rng))}

    return Criterion(name, points, calls, judge)


def _as_list(made):
    made = made if isinstance(made, tuple) else (made,)
    return [np.asarray(array, float) for array in made]


def _equal(got, expected):
    expected = _as_list(expected)
    return len(got) == len(expected) and all(
        array.shape == right.shape and gap(array, right) < CLOSE
        for array, right in zip(got, expected, strict=True)
    )


def _first_difference(answers, expected):
    for got, right in zip(answers, map(_as_list, expected), strict=True):
        if len(got) != len(right):
            return Finding("returns", {"got": len(got), "expected": len(right)})
        for array, wanted in zip(got, right, strict=True):
            if found := shape_finding(array.shape, wanted.shape):
                return found
    for got, right in zip(answers, map(_as_list, expected), strict=True):
        for array, wanted in zip(got, right, strict=True):
            if not np.isfinite(array).all():
                return Finding("not finite")
            if gap(array, wanted) >= CLOSE:
                return _number(array, wanted)
    return None


def _number(array, wanted):
    place = np.unravel_index(np.argmax(np.abs(array - wanted)), wanted.shape)
    values = {"got": f"{array[place]:.5g}", "expected": f"{wanted[place]:.5g}"}
    return Finding("number", values | {"place": ", ".join(map(str, place)) or "-"})


def gap(got: np.ndarray, expected: np.ndarray) -> float:
    """The distance relative to the norm of what is expected; infinite for what is no number."""
    if got.dtype.kind not in "biuf" or not np.isfinite(got).all():
        return np.inf
    return float(np.linalg.norm(got - expected) / max(np.linalg.norm(expected), 1e-30))


def shape_finding(got: tuple[int, ...], expected: tuple[int, ...]) -> Finding | None:
    if got == expected:
        return None
    return Finding("shape", {"got": sides(got), "expected": sides(expected)})


def sides(shape: Sequence[int]) -> str:
    """A shape in words."""
    return "x".join(map(str, shape)) or "-"
