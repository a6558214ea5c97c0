"""The work of `python -m tfresnet.experiments`."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tfresnet.errors import InputError
from tfresnet.experiments.engine import plan
from tfresnet.experiments.engine.budget import BUDGET
from tfresnet.experiments.engine.runs import StudyRun, TimeLimit
from tfresnet.experiments.engine.study import REHEARSAL, conclude, load_studies
from tfresnet.runs.finding import is_run, run_folders
from tfresnet.runs.record import RunRecord
from tfresnet.system.signals import Interrupted


def run(args: argparse.Namespace) -> dict[str, dict]:
    """Trains, measures and judges; returns the results of every study that was concluded."""
    studies = load_studies(args.names)
    folder = Path(args.output_dir)
    # Each run has functions of its own, which TensorFlow takes for one that it compiles anew.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    places = [Path(path) for path in args.runs or []]
    if any(map(is_run, places)):
        records = [RunRecord(path, data_dir=args.data_dir) for path in run_folders(places)]
        runs = {run.name: run for run in records}
        return _measure_other_runs(studies, runs, folder / "own")
    if places and not run_folders(places):
        raise InputError(f"--runs must name runs or folders of them. Received: {places[0]}")
    place = StudyRun({}, folder / "runs", args.quick, tuple(places), args.data_dir)
    wanted = list_runs(studies, place)
    if args.plan:
        print(plan.table({name: [*runs.values()] for name, runs in wanted.items()}))
        return {}
    if args.quick:
        print(f"{REHEARSAL}: it shows that the program works, and decides no claim", flush=True)
    limit, found = TimeLimit(args.minutes), {}
    try:
        for name, study in studies.items():
            runs = {label: run.train(limit) for label, run in wanted[name].items()}
            if args.quick:
                found[name] = conclude(study, runs, folder / name, rehearsal=True)
                print(
                    f"\n{name} works with {_stand_ins(wanted[name])}; {folder / name}", flush=True
                )
            else:
                found[name] = _conclude(name, study, runs, folder / name)
    except Interrupted as stopped:
        if not limit.is_over:
            raise
        print(f"{stopped}\nthe {args.minutes:g} minutes are over; the same command goes on")
    return found


def list_runs(studies: dict[str, ModuleType], place: StudyRun) -> dict[str, dict[str, StudyRun]]:
    """Study -> label -> run, like `place` in all but its settings. Quick studies have one seed."""
    return {
        name: {
            label: replace(place, differences=run)
            for label, run in study.RUNS.items()
            if not place.quick or run.get("seed") in (None, BUDGET["seed"])
        }
        for name, study in studies.items()
    }


def _measure_other_runs(studies, runs, folder):
    if wrong := [name for name, study in studies.items() if not hasattr(study, "ANY_RUNS")]:
        rule = "--runs is for studies that need no training of their own"
        raise InputError(f"{rule}. Received: {wrong[0]}")
    return {name: _conclude(name, study, runs, folder / name) for name, study in studies.items()}


def _stand_ins(runs):
    """The networks that were trained, with those that they stand in for."""
    places: dict[str, list[str]] = {}
    for run in runs.values():
        meant, trained = run.differences["model"], run.config.model
        others = places.setdefault(trained, [])
        others += [meant] if meant not in (trained, *others) else []
    shown = (
        f"{name} for {', '.join(others)}" if others else name for name, others in places.items()
    )
    return "; ".join(shown)


def _conclude(name, study, runs, folder):
    results = conclude(study, runs, folder)
    print(f"\n{name} ({study.SOURCE})\n  claim    {study.CLAIM}\n  found    {results['why']}")
    print(f"  verdict  {results['verdict']}; {folder / 'results.json'}", flush=True)
    return results
