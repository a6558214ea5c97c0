"""The work of `python -m tfresnet.experiments`."""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tfresnet.errors import InputError
from tfresnet.experiments.engine import plan
from tfresnet.experiments.engine.budget import SEEDS, with_seed
from tfresnet.experiments.engine.runs import StudyRun, TimeLimit
from tfresnet.experiments.engine.study import REHEARSAL, conclude, load_studies
from tfresnet.runs.finding import is_run, run_folders
from tfresnet.runs.record import RunRecord
from tfresnet.system.signals import Interrupted

_MOST_SEEDS = 20  # of finished runs that a verdict looks for


def run(args: argparse.Namespace) -> dict[str, dict]:
    """Trains, measures and judges; returns the results of every study that was concluded."""
    studies = load_studies(args.names)
    folder = Path(args.output_dir)
    # Each run has functions of its own, which TensorFlow takes for one that it compiles anew.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    places = [Path(path) for path in args.runs or []]
    if any(map(is_run, places)):
        records = [RunRecord(path, data_dir=args.data_dir) for path in run_folders(places)]
        runs = {run.name: {run.config.seed: run} for run in records}
        return _measure_other_runs(studies, runs, folder / "own")
    if places and not run_folders(places):
        raise InputError(f"--runs must name runs or folders of them. Received: {places[0]}")
    place = StudyRun({}, folder / "runs", args.quick, tuple(places), args.data_dir)
    wanted = list_runs(studies, place, args.seeds)
    if args.plan:
        print(plan.table({name: _in_order(runs) for name, runs in wanted.items()}))
        return {}
    if args.quick:
        print(f"{REHEARSAL}: it shows that the program works, and decides no claim", flush=True)
    judged = list_runs(studies, place, args.seeds or _MOST_SEEDS)
    limit, found = TimeLimit(args.minutes), {}
    try:
        for name, study in studies.items():
            for one in [] if args.finished else _in_order(wanted[name]):
                one.train(limit)
            if results := _judge(name, study, judged[name], folder / name, args.quick):
                found[name] = results
    except Interrupted as stopped:
        if not limit.is_over:
            raise
        print(f"{stopped}\nthe {args.minutes:g} minutes are over; the same command goes on")
    return found


def _judge(name, study, judged, folder, quick):
    """The results of a study from its finished runs; None if one is missing that it needs."""
    runs = {
        label: {seed: run.record() for seed, run in same.items() if run.is_finished}
        for label, same in judged.items()
    }
    if missing := [label for label, same in runs.items() if not same]:
        print(f"\n{name}: not trained: {', '.join(missing)}", flush=True)
        if not hasattr(study, "ANY_RUNS"):
            return None
        runs = {label: same for label, same in runs.items() if same}
    if not quick:
        return _conclude(name, study, runs, folder)
    results = conclude(study, runs, folder, rehearsal=True)
    print(f"\n{name} works with {_stand_ins(judged)}; {folder}", flush=True)
    return results


def list_runs(
    studies: dict[str, ModuleType], place: StudyRun, seeds: int | None = None
) -> dict[str, dict[str, dict[int, StudyRun]]]:
    """Study -> label -> seed -> run, like `place` in all but its settings. Quick studies have one
    seed, and so have those that compare no trainings; the others have `seeds`."""

    def number_of(study):
        own = getattr(study, "SEEDS", SEEDS)
        return 1 if place.quick or own == 1 else seeds or own

    return {
        name: {
            label: {
                seed: replace(place, differences=with_seed(run, seed))
                for seed in range(number_of(study))
            }
            for label, run in study.RUNS.items()
        }
        for name, study in studies.items()
    }


def _in_order(runs):
    """The first seed of all runs, then the second: what is done first can be compared first."""
    return [run for same in zip(*(r.values() for r in runs.values()), strict=True) for run in same]


def _measure_other_runs(studies, runs, folder):
    if wrong := [name for name, study in studies.items() if not hasattr(study, "ANY_RUNS")]:
        rule = "--runs is for studies that need no training of their own"
        raise InputError(f"{rule}. Received: {wrong[0]}")
    return {name: _conclude(name, study, runs, folder / name) for name, study in studies.items()}


def _stand_ins(runs):
    """The networks that were trained, with those that they stand in for."""
    places: dict[str, list[str]] = {}
    for run in _in_order(runs):
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
