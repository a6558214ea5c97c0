"""The sources of a report: folders of finished runs and studies."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from tfresnet.errors import InputError
from tfresnet.experiments import study_names
from tfresnet.experiments.engine.study import VERDICTS, load_studies, read_results
from tfresnet.runs.finding import is_run
from tfresnet.runs.own_code import own_network
from tfresnet.runs.record import RunRecord
from tfresnet.settings.model_names import own_code, short_name
from tfresnet.settings.values import natural_order

_RESULT_KEYS = {"dataset", "split", "n", "top1", "top5", "per_class", "confusion"}
_STUDY_KEYS = {"claim", "source", "verdict", "why", "runs"}


@dataclass(frozen=True)
class Study:
    """The output of `python -m tfresnet.experiments NAME`."""

    name: str
    results: dict
    pictures: list[Path]

    def redraw(self) -> dict[str, Figure]:
        """File name -> figure, of those that need nothing but the numbers in results.json."""
        if self.name not in study_names():
            return {}
        try:
            return load_studies([self.name])[self.name].figures(self.results["measured"], {})
        except (KeyError, TypeError, ValueError):  # of another version: its pictures remain
            return {}


def last() -> list[Path]:
    """The user's run that was finished last; or the study, with its runs, that came after it."""
    logs = Path("logs")
    results = [*logs.glob("*/result.json"), *logs.glob("experiments/*/results.json")]
    if not results:
        return []
    newest = max(results, key=lambda file: file.stat().st_mtime).parent
    if not _is_study(newest):
        return [newest]
    names = itertools.chain(*_read_study(newest).results["runs"].values())
    runs = (newest.parent / "runs" / name for name in names)
    return [*filter(is_run, runs), newest]


def folders(paths: list[Path]) -> list[Path]:
    """The runs and studies among `paths`, and the finished ones in the other folders, by name,
    numbers in natural order."""
    found = []
    for path in paths:
        inside = [*path.glob("*/result.json"), *path.glob("*/results.json")]
        is_one = is_run(path) or _is_study(path)
        by_name = sorted((file.parent for file in inside), key=lambda one: natural_order(one.name))
        found += [path] if is_one else by_name
    return found


def read(
    paths: list[Path], given: object = None, trusted: bool = False
) -> tuple[list[RunRecord], list[Study]]:
    """The runs in the order of their paths, and the studies in the order of the lecture.

    `given`, a file with the networks of all runs, and `trusted` say which code of users may run;
    see `own_network`.

    Raises:
        InputError: a folder that is neither, or damaged; two with the same name; no run.
    """
    studies = {study.name: study for study in map(_read_study, filter(_is_study, paths))}
    runs = [_read_run(path) for path in paths if not _is_study(path)]
    for run in runs:
        if own_code(run.config.model):
            file = given and (own_code(given) or [given])[0]
            name = short_name(run.config.model)
            run.own = own_network(run, file and f"{file}:{name}", trusted)
    if len({run.name for run in runs}) + len(studies) < len(paths):
        raise InputError(
            f"runs must have names of their own. Received: {', '.join(map(str, paths))}"
        )
    if not runs:
        raise InputError("a report must have a finished run (--runs names others). Received: none")
    order = [*load_studies(study_names()), *studies]
    return runs, [studies[name] for name in dict.fromkeys(order) if name in studies]


def _is_study(path):
    return (path / "results.json").exists()


def _read_run(path):
    run = RunRecord(path)
    try:
        parts = (run.config, run.history, (run.result or {}).keys() >= _RESULT_KEYS)
        whole = all(parts) and isinstance(run.environment, dict)
    except (ValueError, KeyError) as error:
        raise InputError(f"a run must be whole ({error}). Received: {path}") from error
    if not whole:
        raise InputError(f"a run must be finished, with a whole result.json. Received: {path}")
    return run


def _read_study(path):
    results = read_results(path)
    is_whole = isinstance(results, dict) and results.keys() >= _STUDY_KEYS
    if not is_whole or results["verdict"] not in VERDICTS:
        raise InputError(f"a study must have a whole results.json. Received: {path}")
    return Study(path.resolve().name, results, sorted(path.glob("*.png")))
