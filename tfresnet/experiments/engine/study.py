"""What a study defines, and the files it writes.

A study is a module in `tfresnet/experiments/` with

    ORDER             position among all studies
    CLAIM, SOURCE     what the lecture says; deck and section of the paper
    EXPECTED          the result that would support the claim, in words
    RUNS              label -> settings that differ from the budget; `weights` may hold those of
                      another run, which is trained first; `name` sets the name of the folder
    measure(runs)     numbers from the runs' kept files alone; a test recomputes them
    examine(runs)     numbers that need trained models or images
    verdict(measured) ("holds", "fails" or "undecided", why)
    figures(measured, runs)   file name -> matplotlib figure

A study has `measure`, `examine` or both. `runs` is label -> `RunRecord`. A study with
`ANY_RUNS = True` also accepts other runs (`--runs`).
"""

import importlib
import json
from pathlib import Path
from types import ModuleType

from tfresnet import experiments
from tfresnet.runs.record import RunRecord
from tfresnet.system.atomic import atomic_write, write_text

VERDICTS = ("holds", "fails", "undecided")
REHEARSAL = "rehearsal with small networks on drawn shapes"


def load_studies(names: list[str]) -> dict[str, ModuleType]:
    """Name -> module, in the studies' own order."""
    studies = {name: importlib.import_module(f"{experiments.__name__}.{name}") for name in names}
    return dict(sorted(studies.items(), key=lambda item: item[1].ORDER))


def conclude(
    study: ModuleType, runs: dict[str, RunRecord], folder: Path, rehearsal: bool = False
) -> dict:
    """Measures, judges and writes `results.json` and the figures into `folder`.

    Returns the content of `results.json`; what it held before if a model to examine is missing. A
    `rehearsal` does the same work, but keeps no verdict: it writes `rehearsal.json`, and says in
    each figure and its name what it is.

    Raises:
        InputError: the study cannot use a run, or a model is missing and there are no results.
    """
    needs_models = hasattr(study, "examine")
    if needs_models and not all(run.folder.model.exists() for run in runs.values()):
        results = None if rehearsal else read_results(folder)
        if results is None:
            for run in runs.values():
                run.check_model()
        return results
    measured = study.measure(runs) if hasattr(study, "measure") else {}
    measured |= study.examine(runs) if needs_models else {}
    measured = json.loads(json.dumps(measured))  # tuples become lists, as in the file
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
    prefix, file = "", "results.json"
    if rehearsal:
        prefix, file = "rehearsal-", "rehearsal.json"
        results = {key: results[key] for key in ("runs", "measured")} | {"about": REHEARSAL}
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in study.figures(measured, runs).items():
        if rehearsal:
            figure.suptitle(REHEARSAL, color="red")
        with atomic_write(folder / f"{prefix}{name}") as path:
            figure.savefig(path, metadata={"Software": None})
    write_text(folder / file, json.dumps(results, indent=1) + "\n")
    return results


def read_results(folder: Path) -> dict | None:
    """The content of results.json; None if the file is missing or damaged."""
    try:
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
