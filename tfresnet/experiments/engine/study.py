"""What a study defines, and the files it writes.

A study is a module in `tfresnet/experiments/` with

    ORDER             position among all studies
    CLAIM, SOURCE     what the lecture says; deck and section of the paper
    EXPECTED          the result that would support the claim, in words
    RUNS              label -> settings that differ from the budget; `weights` may hold those of
                      another run, which is trained first; `name` sets the name of the folder
    measure(runs)     numbers from the runs' kept files alone; a test recomputes them
    examine(run)      numbers of one trained model, kept as measured["networks"][label][seed]
    explore(data)     numbers that need the data set and no trained model
    verdict(measured) (one of VERDICTS, why)
    figures(measured, runs)   file name -> matplotlib figure; `runs` is empty without their models

A study has one or more of these three. `runs` is label -> seed -> `RunRecord`. Each run is
trained for three seeds, or for one if a study that compares no trainings has `SEEDS = 1`. A study
with `ANY_RUNS = True` also accepts other runs (`--runs`), and does without those of its own that
are missing.
"""

import importlib
import json
from pathlib import Path
from types import ModuleType

from tfresnet import experiments
from tfresnet.experiments.engine.figures import titles
from tfresnet.experiments.engine.runs import Runs
from tfresnet.system.atomic import atomic_write, write_text

VERDICTS = ("holds", "fails", "undecided", "unjudged")
REHEARSAL = "rehearsal with small networks on drawn shapes"


def load_studies(names: list[str]) -> dict[str, ModuleType]:
    """Name -> module, in the studies' own order."""
    studies = {name: importlib.import_module(f"{experiments.__name__}.{name}") for name in names}
    return dict(sorted(studies.items(), key=lambda item: item[1].ORDER))


def conclude(study: ModuleType, runs: Runs, folder: Path, rehearsal: bool = False) -> dict:
    """Measures, judges and writes `results.json`, `README.md` and the figures into `folder`.

    Returns the content of `results.json`. A model that is missing keeps the numbers that it had
    there. A `rehearsal` does the same work, but keeps no verdict: it writes `rehearsal.json`, and
    says in each figure and its name what it is.

    Raises:
        InputError: the study cannot use a run, or a model is missing and there are no results.
    """
    before = {} if rehearsal else (read_results(folder) or {}).get("measured", {})
    measured, used = _measure(study, runs, before)
    verdict, why = study.verdict(measured)
    results = {
        "claim": study.CLAIM,
        "source": study.SOURCE,
        "runs": {label: [run.path.name for run in same.values()] for label, same in used.items()},
        "measured": measured,
        "expected": study.EXPECTED,
        "verdict": verdict,
        "why": why,
    }
    if rehearsal:
        results = {key: results[key] for key in ("runs", "measured")} | {"about": REHEARSAL}
    _write(folder, results, study.figures(measured, _with_models(used)), rehearsal)
    return results


def _write(folder, results, figures, rehearsal):
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        if rehearsal:
            figure.suptitle(REHEARSAL, color="red")
        with atomic_write(folder / (f"rehearsal-{name}" if rehearsal else name)) as path:
            figure.savefig(path, metadata={"Software": None, "titles": titles(figure)})
    text = json.dumps(results, indent=1) + "\n"
    write_text(folder / ("rehearsal.json" if rehearsal else "results.json"), text)
    if not rehearsal:
        write_text(folder / "README.md", _page(folder, results))


def _page(folder, results):
    parts = {part: results[part] for part in ("claim", "source", "expected", "why", "verdict")}
    lines = [f"# {folder.resolve().name}"]
    lines += [f"**{part.capitalize()}:** {text}" for part, text in parts.items()]
    lines += [f"![{path.stem}]({path.name})" for path in sorted(folder.glob("*.png"))]
    return "\n\n".join(lines).replace("**Why:**", "**Found:**") + "\n"


def _measure(study, runs, before):
    """What the study measures, and the runs that it used."""
    measured, used = {}, runs
    if hasattr(study, "explore"):
        every = [run for same in runs.values() for run in same.values()]
        new = not every or any(run.folder.model.exists() for run in every)
        known = None if new else before.get("explored")
        measured["explored"] = known or study.explore(every[0].dataset if every else None)
    if hasattr(study, "examine"):
        found, used = _examine(study, runs, before.get("networks", {}))
        measured["networks"] = found
    if hasattr(study, "measure"):
        measured, used = measured | study.measure(runs), runs
    return json.loads(json.dumps(measured)), used  # tuples become lists, as in the file


def _examine(study, runs, before):
    """Label -> seed -> numbers of the model, or those it had where it is missing; and the runs."""
    found, used = {}, {}
    for label, same in runs.items():
        for seed, run in same.items():
            numbers = before.get(label, {}).get(str(seed))
            if run.folder.model.exists():
                numbers = study.examine(run)
            if numbers is not None:
                found.setdefault(label, {})[str(seed)] = numbers
                used.setdefault(label, {})[seed] = run
    for same in runs.values() if not found else ():
        next(iter(same.values())).check_model()
    return found, used


def _with_models(runs):
    trained = {
        label: {seed: run for seed, run in same.items() if run.folder.model.exists()}
        for label, same in runs.items()
    }
    return trained if all(trained.values()) else {}


def read_results(folder: Path) -> dict | None:
    """The content of results.json; None if the file is missing or damaged."""
    try:
        return json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
