"""Figures in the pages that no command writes: each is computed again from the kept runs."""

import csv
import re
from pathlib import Path
from statistics import mean, stdev

import pytest

from tfresnet.results.facts import steady_seconds
from tfresnet.results.table import table
from tfresnet.runs.finding import run_folders
from tfresnet.runs.folder import RunFolder

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def kept(name):
    return RunFolder(DOCS / "runs" / name)


def val_top1(run):
    return run.read_history()[-1]["val_top1"]


def top1(run):
    return run.read_result()["top1"]


def seconds(run):
    return run.read_result()["epoch_seconds"]


def points(whole, small, of):
    return 100 * (of(whole) - of(small))


def with_standard_error(values):
    return f"{mean(values):.2f} ± {stdev(values) / len(values) ** 0.5:.2f}"


def of_resnet20():
    """Three seeds, with standard errors."""
    pairs = [
        [kept(f"resnet20-cifar10-10epochs-{kind}-seed{seed}") for kind in ("val", "sizes")]
        for seed in range(3)
    ]
    whole, small = (sum(sum(seconds(pair[i])) for pair in pairs) for i in (0, 1))
    lost = [with_standard_error([points(*pair, of) for pair in pairs]) for of in (val_top1, top1)]
    return [f"{1 - small / whole:.0%}", *lost]


def of_resnet20_with_20_pixels():
    lost = []
    for trial in csv.DictReader((DOCS / "trials.csv").read_text(encoding="utf-8").splitlines()):
        if "--image-sizes 20,32" in trial["settings"]:
            whole = kept(f"resnet20-cifar10-10epochs-val-seed{trial['seed']}")
            lost.append(100 * val_top1(whole) - float(trial["val_top1"]))
    assert len(lost) == 3
    return ["", with_standard_error(lost), ""]


def of_resnet18(kind):
    """In time against a machine as fast as it was on the day of the run with small images."""
    whole, run = (kept(f"resnet18-cifar10-15epochs{k}-seed0") for k in ("", kind))
    small, large = steady_seconds(seconds(run)[:10]) / 10, steady_seconds(seconds(run)[10:]) / 5
    return [
        f"{1 - (2 * small + large) / (3 * large):.0%}",
        "",
        f"{points(whole, run, top1):.1f}",
    ]


def of_three_epochs_of_resnet18():
    whole, run = (kept(f"resnet18-cifar10-3epochs{kind}") for kind in ("", "-sizes"))
    lost = [f"{points(whole, run, of):.1f}" for of in (val_top1, top1)]
    return [f"{1 - sum(seconds(run)) / sum(seconds(whole)):.0%}", *lost]


@pytest.mark.parametrize("page", ["results.md", "results.zh.md"])
def test_what_small_images_save_and_cost(page):
    text = (DOCS / page).read_text(encoding="utf-8").replace(" %", "%")
    rows = re.findall(r"^\| resnet.* \| 2[04],32 \| (.*) \|$", text, re.MULTILINE)
    assert [[cell.strip() for cell in row.split("|")] for row in rows] == [
        of_resnet20(),
        of_resnet20_with_20_pixels(),
        of_resnet18("-sizes"),
        of_resnet18("-sizes20"),
        of_three_epochs_of_resnet18(),
    ]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_readme_has_four_rows_of_the_table_of_results(page):
    titles, _, *lines = (
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in table(run_folders([DOCS / "runs"])).replace(" %", "%").splitlines()
    )
    shown = ("network", "parameters", "epochs", "seeds", "error", "paper", "minutes")
    known = [[dict(zip(titles, line, strict=True))[title] for title in shown] for line in lines]
    text = (ROOT / page).read_text(encoding="utf-8").replace(" %", "%")
    rows = re.findall(r"^\| (resnet\d+)\b.*? \| ([\d,]+ \|.*) \|$", text, re.MULTILINE)
    assert len(rows) == 4
    for network, cells in rows:
        assert [network, *(cell.strip() for cell in cells.split("|"))] in known
