"""What `python -m tfresnet.experiments` does."""

import argparse
from dataclasses import replace
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.experiments.engine import plan
from tfresnet.experiments.engine.budget import BUDGET
from tfresnet.experiments.engine.runs import Needed, TimeLimit
from tfresnet.experiments.engine.study import conclude, load_studies
from tfresnet.runs.finding import is_run, run_folders
from tfresnet.runs.record import RunRecord
from tfresnet.system.signals import Interrupted


def run(args: argparse.Namespace) -> dict[str, dict]:
    """Trains, measures and judges as `cli.parse_experiments` has the arguments; returns the results
    of every study that could be concluded."""
    studies = load_studies(args.names)
    folder = Path(args.output_dir) / "quick" if args.quick else Path(args.output_dir)
    places = [Path(path) for path in args.runs or []]
    if any(map(is_run, places)):
        runs = [RunRecord(path, data_dir=args.data_dir) for path in run_folders(places)]
        return _on_other_runs(studies, runs, folder / "own")
    if places and not run_folders(places):
        raise InputError(f"--runs must name runs or folders of them. Received: {places[0]}")
    place = Needed({}, folder / "runs", args.quick, tuple(places), args.data_dir)
    wanted = _wanted(studies, place)
    if args.plan:
        print(plan.table({name: [*runs.values()] for name, runs in wanted.items()}))
        return {}
    return _all(studies, wanted, folder, args.minutes)


def _all(studies, wanted, folder, minutes):
    """What could be concluded in the time that there is."""
    limit, found = TimeLimit(minutes), {}
    try:
        for name, study in studies.items():
            runs = {label: run.trained(limit) for label, run in wanted[name].items()}
            found[name] = _conclude(name, study, runs, folder / name)
    except Interrupted as stopped:
        if not limit.is_over:
            raise
        print(f"{stopped}\nthe {minutes:g} minutes are over; the same command goes on")
    return found


def _wanted(studies, place):
    """Study -> label -> run; `place` says where runs are."""
    return {
        name: {
            label: replace(place, differences=run)
            for label, run in study.RUNS.items()
            if not place.quick or run.get("seed") in (None, BUDGET["seed"])
        }
        for name, study in studies.items()
    }


def _on_other_runs(studies, runs, folder):
    runs = {run.name: run for run in runs}
    for name, study in studies.items():
        if not getattr(study, "ANY_RUNS", False):
            raise InputError(
                f"--runs is for studies that need no training of their own. Received: {name}"
            )
    return {name: _conclude(name, s, runs, folder / name) for name, s in studies.items()}


def _conclude(name, study, runs, folder):
    results = conclude(study, runs, folder)
    print(f"\n{name} ({study.SOURCE})\n  claim    {study.CLAIM}\n  found    {results['why']}")
    print(f"  verdict  {results['verdict']}; {folder / 'results.json'}", flush=True)
    return results
