"""What a report is made from: the folders of finished runs and of studies."""

from dataclasses import dataclass
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.experiments import study_names
from tfresnet.experiments.engine.study import VERDICTS, load_studies, read_results
from tfresnet.runs.finding import is_run
from tfresnet.runs.record import RunRecord

_OF_A_RESULT = {"dataset", "split", "n", "top1", "top5", "per_class", "confusion"}
_OF_A_STUDY = {"claim", "source", "verdict", "why"}


@dataclass(frozen=True)
class Study:
    """What `python -m tfresnet.experiments NAME` left behind."""

    path: Path
    results: dict

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def pictures(self) -> list[Path]:
        return sorted(self.path.glob("*.png"))


def folders(paths: list[Path]) -> list[Path]:
    """The runs and studies among `paths`, and the finished ones inside the others, by name."""
    found = []
    for path in paths:
        inside = [*path.glob("*/result.json"), *path.glob("*/results.json")]
        is_one = is_run(path) or _is_study(path)
        found += [path] if is_one else sorted(file.parent for file in inside)
    return found


def read(paths: list[Path]) -> tuple[list[RunRecord], list[Study]]:
    """The runs in the order of their paths, and the studies in the order of the lecture.

    Raises:
        InputError: a folder that is neither, or damaged; two of one name; no run.
    """
    studies = {path.resolve().name: _study(path) for path in paths if _is_study(path)}
    runs = [_run(path) for path in paths if not _is_study(path)]
    if len({run.name for run in runs}) + len(studies) < len(paths):
        named = ", ".join(map(str, paths))
        raise InputError(f"runs must have names of their own. Received: {named}")
    if not runs:
        raise InputError("a report must have a finished run (--runs names others). Received: none")
    order = [*load_studies(study_names()), *studies]
    return runs, [studies[name] for name in dict.fromkeys(order) if name in studies]


def _is_study(path):
    return (path / "results.json").exists()


def _run(path):
    """The run, read as far as a report reads it."""
    run = RunRecord(path)
    try:
        parts = (run.config, run.history, (run.result or {}).keys() >= _OF_A_RESULT)
        whole = all(parts) and isinstance(run.environment, dict)
    except (ValueError, KeyError) as error:
        raise InputError(f"a run must be whole ({error}). Received: {path}") from error
    if not whole:
        raise InputError(f"a run must be finished, with a whole result.json. Received: {path}")
    return run


def _study(path):
    results = read_results(path)
    known = isinstance(results, dict) and results.keys() >= _OF_A_STUDY
    if not known or results["verdict"] not in VERDICTS:
        raise InputError(f"a study must have a whole results.json. Received: {path}")
    return Study(path, results)
