"""Error against depth: the networks of the paper's Table 6 that one recipe trained."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tfresnet.results.facts import RunFacts
from tfresnet.results.table import PAPER, find_facts, is_papers, row, settings_but
from tfresnet.results.table import TITLES as ALL_TITLES
from tfresnet.system import tables

TABLE_6 = {int(name.removeprefix("resnet")): error for name, error in PAPER.items()}
_TAKEN = ("network", "parameters", "epochs", "images", "seeds", "error", "with flip", "paper")
TITLES = (*_TAKEN, "difference")


def table(folders: Iterable[Path]) -> str:
    """The `rows` of run folders as a Markdown table; empty without two depths."""
    found = by_depth(find_facts(folders))
    return tables.markdown(TITLES, rows(found)) if found else ""


def by_depth(runs: Iterable[RunFacts]) -> dict[int, list[RunFacts]]:
    """Depth -> the runs of that network, the shallowest first, of the recipe with the most depths,
    or, where they have as many, with the most runs. Empty without two depths.

    Args:
        runs: finished CIFAR-10 runs. Those of one recipe agree in all settings but the network and
            the seed.
    """
    recipes: dict[tuple, dict[int, list[RunFacts]]] = {}
    for run in filter(is_papers, runs):
        recipe = settings_but(run, "model", "seed")
        depth = int(run.config.model.removeprefix("resnet"))
        recipes.setdefault(recipe, {}).setdefault(depth, []).append(run)
    every = sorted(recipes.values(), key=lambda found: (len(found), sum(map(len, found.values()))))
    return dict(sorted(every[-1].items())) if every and len(every[-1]) > 1 else {}


def rows(found: Mapping[int, Sequence[RunFacts]]) -> list[list[str]]:
    """The rows below `TITLES`; "difference" is in points, positive where the paper is better."""
    made = []
    for depth, runs in found.items():
        cells = dict(zip(ALL_TITLES, row(runs), strict=True))
        difference = statistics.fmean(run.test_error for run in runs) - TABLE_6[depth]
        made.append([*(cells[title] for title in _TAKEN), f"{difference:+.2f}"])
    return made
