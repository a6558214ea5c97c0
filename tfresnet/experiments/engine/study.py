"""What a study is, and what it leaves behind.

A study is a module in `tfresnet/experiments/` with

    ORDER             its place among all
    CLAIM, SOURCE     what the lecture says; deck and section of the paper
    EXPECTED          in words, what would speak for it
    RUNS              label -> settings that differ from the budget; `weights` may be those of
                      another run, which is trained first, and `name` name the run's folder
    measure(runs)     figures out of the kept files of the runs alone: a test computes them again
    verdict(measured) ("holds", "fails" or "undecided", why)
    figures(measured, runs)   file name -> matplotlib figure

and, where trained models or images are needed, `examine(runs)`, which adds to what was measured.
`runs` is label -> `RunRecord`. A study with `ANY_RUNS = True` takes other runs too (`--runs`).
"""

import importlib
import json
from pathlib import Path
from types import ModuleType

from tfresnet import experiments
from tfresnet.runs.record import RunRecord
from tfresnet.system.atomic import replaced, write_text

VERDICTS = ("holds", "fails", "undecided")


def load_studies(names: list[str]) -> dict[str, ModuleType]:
    """Name -> module, in the studies' own order."""
    studies = {name: importlib.import_module(f"{experiments.__name__}.{name}") for name in names}
    return dict(sorted(studies.items(), key=lambda item: item[1].ORDER))


def conclude(study: ModuleType, runs: dict[str, RunRecord], folder: Path) -> dict:
    """Measures, judges and writes `results.json` and the figures into `folder`; returns the first.

    Raises:
        InputError: a run that the study cannot use, or whose model is not there.
    """
    if hasattr(study, "examine") and not all(run.folder.model.exists() for run in runs.values()):
        return _kept_results(folder, runs)
    measured = study.measure(runs)
    if hasattr(study, "examine"):
        measured |= study.examine(runs)
    measured = json.loads(json.dumps(measured))  # as the file will have it
    verdict, why = study.verdict(measured)
    results = {
        "claim": study.CLAIM,
        "source": study.SOURCE,
        "runs": {label: run.path.name for label, run in runs.items()},
        "measured": measured,
        "expected": study.EXPECTED,
        "verdict": verdict,
        "why": why,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in study.figures(measured, runs).items():
        with replaced(folder / name) as path:
            figure.savefig(path, metadata={"Software": None})
    write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    return results


def read_results(folder: Path) -> dict | None:
    """What `conclude` wrote; None if it is not there."""
    try:
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _kept_results(folder, runs):
    """Those of before, where git has kept no models to measure again."""
    results = read_results(folder)
    if results is None:
        for run in runs.values():
            run.check_model()
    return results
