"""What happens to a trained network when units are deleted or change places?"""

import numpy as np
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, style
from tfresnet.experiments.engine.judging import bar, combine
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.runs.record import RunRecord

ORDER = 7
ANY_RUNS = True
CLAIM = (
    "A residual network loses little without any one of its units, and its error rises smoothly "
    "with the number of units deleted or pairs exchanged; a plain one is ruined by one deletion."
)
SOURCE = "deck B; Veit et al., 2016, sections 4.1 and 4.2, Fig. 3 and 5"
EXPECTED = (
    "residual: a median cost of single deletions under 3 points, and a mean error that falls "
    "nowhere with the number, beyond its error bars; plain: half of the single deletions end above "
    "80 % error"
)
RUNS = {"resnet56": {"model": "resnet56"}, "plain20": {"model": "plain20"}}
IMAGES, DRAWS = 1_000, 5
COUNTS = (1, 2, 3, 5, 8, 12, 16, 20)
MEDIAN_COST, NEAR_CHANCE = 3.0, 80.0
WELL_TRAINED = 30.0  # a network near chance has nothing to lose


def examine(runs: dict[str, RunRecord]) -> dict:
    """Validation errors in percent on IMAGES images. `deleted` and `exchanged` map the number of
    deletions or exchanges to the errors of DRAWS draws."""
    return {"images": IMAGES, "networks": {name: _lesions(run) for name, run in runs.items()}}


def _lesions(run):
    network, split = UnitChain(run.model), run.held_out(IMAGES)
    images = split.images, split.labels
    n = len(network.units)
    found = {
        "plain": network.is_plain,
        "whole": network.error(*images),
        "one_deleted": [network.error(*images, deleted=[number]) for number in range(n)],
        "change_the_shape": network.shape_changers,
    }
    if not network.is_plain:
        found["deleted"] = _errors_by_number(n - 1, _error_after_deletions, network, images)
        pairs = sum(len(stage) // 2 for stage in network.stages)
        if pairs:  # the shallowest networks have none
            found["exchanged"] = _errors_by_number(pairs, error_after_exchanges, network, images)
    return found


def _errors_by_number(most, error, *args):
    counts = [k for k in COUNTS if k <= most]
    return {str(k): [error(*args, k, draw) for draw in range(DRAWS)] for k in counts}


def _error_after_deletions(network, images, k, draw):
    chosen = np.random.default_rng((0, k, draw)).permutation(len(network.units))[:k]
    return network.error(*images, deleted=chosen)


def error_after_exchanges(network: UnitChain, images: tuple, k: int, draw: int) -> float:
    """Exchanges `k` pairs of units within their stages, no unit twice; puts them back at last."""
    random = np.random.default_rng((1, k, draw))
    mixed = [random.permutation(stage) for stage in network.stages]
    pairs = [pair for stage in mixed for pair in zip(stage[::2], stage[1::2], strict=False)]
    chosen = [pairs[i] for i in random.permutation(len(pairs))[:k]]
    for a, b in chosen:
        network.swap(a, b)
    error = network.error(*images)
    for a, b in chosen:
        network.swap(a, b)
    return error


def verdict(measured: dict) -> tuple[str, str]:
    answers, why = [], []
    for name, found in measured["networks"].items():
        costs = np.subtract(found["one_deleted"], found["whole"])
        median = float(np.median(costs))
        words = f"{name}: {found['whole']:.1f} % whole, a deletion costs {median:.1f} points"
        words += f" (median; from {costs.min():.1f} to {costs.max():.1f})"
        if found["whole"] > WELL_TRAINED:
            answers.append(None)
            words += f"; too weak to judge, above {WELL_TRAINED:.0f} %"
        elif found["plain"]:
            answers.append(float(np.median(found["one_deleted"])) > NEAR_CHANCE)
        else:
            answers.append(median < MEDIAN_COST)
            for way, errors in _by_way(found):
                answers.append(_rises(found["whole"], errors, measured["images"]))
                most, last = [*errors.items()][-1]
                words += f"; {most} {way}: {np.mean(last):.1f} %"
                words += "" if answers[-1] else ", not rising everywhere"
        why.append(words)
    return combine(answers), "; ".join(why)


def _by_way(found):
    return [(way, found[way]) for way in ("deleted", "exchanged") if way in found]


def _rises(whole, errors_by_number, images):
    """Whether no mean error lies clearly below the one of the next smaller number."""
    draws = [[whole], *errors_by_number.values()]
    means = [float(np.mean(errors)) for errors in draws]
    spreads = [2 * float(np.std(errors)) / DRAWS**0.5 for errors in draws]
    widths = [np.hypot(s, bar(m, images, seeds=False)) for m, s in zip(means, spreads, strict=True)]
    steps = range(1, len(means))
    return all(means[i] - means[i - 1] > -np.hypot(widths[i], widths[i - 1]) for i in steps)


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    one, (axes,) = chart("one unit deleted", x="unit", y="validation error (%)")
    titles = "units deleted", "pairs exchanged"
    numbers, others = chart(*titles, x="number", y="validation error (%)")
    for index, (name, found) in enumerate(measured["networks"].items()):
        units = np.arange(1, len(found["one_deleted"]) + 1)
        axes.plot(units, found["one_deleted"], label=name, **style(index))
        axes.axhline(found["whole"], color=style(index)["color"], linewidth=0.7, linestyle=":")
        for other, (_, errors) in zip(others, _by_way(found), strict=False):
            values = [*errors.values()]
            middle = np.mean(values, axis=1)
            spread = np.abs([np.min(values, axis=1) - middle, np.max(values, axis=1) - middle])
            counts = [*map(int, errors)]
            other.errorbar(counts, middle, spread, capsize=3, label=name, **style(index))
    for drawn in (axes, *others):
        drawn.axhline(90, color="black", linewidth=0.7, label="chance")
        drawn.set_ylim(0, 100)
        drawn.legend()
    return {"one-deleted.png": one, "by-number.png": numbers}
