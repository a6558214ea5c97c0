"""What happens to a trained network when units are deleted or change places?"""

import itertools

import numpy as np
from matplotlib.figure import Figure

from tfresnet.experiments.engine.figures import chart, lines, style
from tfresnet.experiments.engine.judging import by_seed, combine, is_higher, show
from tfresnet.experiments.engine.runs import Runs
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.runs.record import RunRecord

ORDER = 7
ANY_RUNS = True
CLAIM = (
    "One deleted unit costs a residual network less than a plain one of the same depth, if both "
    "are good when whole; the error of the residual one rises with the number of units deleted or "
    "pairs exchanged."
)
SOURCE = "deck B; Veit et al., 2016, sections 4.1 and 4.2, Fig. 3 and 5"
EXPECTED = (
    "with 20 layers, and with 56 where both networks are good when whole: the median cost of "
    "single deletions is lower in the residual one, by more than the seeds explain; its mean error "
    "falls nowhere with the number, beyond its error bars"
)
RUNS = {name: {"model": name} for name in ("plain20", "resnet20", "plain56", "resnet56")}
IMAGES, DRAWS = 1_000, 5
COUNTS = (1, 2, 3, 5, 8, 12, 16, 20)
WELL_TRAINED = 30.0  # percent of error; a network near chance has nothing to lose


def examine(run: RunRecord) -> dict:
    """Validation errors in percent on IMAGES images. `deleted` and `exchanged` map the number of
    deletions or exchanges to the errors of DRAWS draws."""
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
    networks = measured["networks"]
    whole = by_seed(networks, lambda found: found["whole"])
    each = by_seed(networks, lambda found: np.subtract(found["one_deleted"], found["whole"]))
    costs = by_seed(each, lambda values: float(np.median(values)))
    why = [
        f"error when whole: {show(whole, digits=1)}; median cost of one deletion: "
        f"{show(costs, ' points', digits=1)}; "
        + ", ".join(
            f"{name} from {np.min([*values.values()]):.1f} to {np.max([*values.values()]):.1f}"
            for name, values in each.items()
        )
    ]
    good = {name: seeds for name, seeds in networks.items() if _is_good(seeds)}
    why += [
        f"not judged: {name}, which has more than {WELL_TRAINED:.0f} % error when whole"
        for name in networks
        if name not in good
    ]
    compared, rising = [], []
    for plain, residual in _pairs_of_equal_depth(good):
        answer = is_higher(costs[plain], costs[residual])
        compared.append(answer.yes)
        why.append(f"a deletion costs {plain} more than {residual}: {answer}")
    for name, seeds in good.items():
        for way, errors in _by_way(seeds):
            rising.append(_rises(seeds, errors))
            most, last = [*errors.items()][-1]
            why.append(f"{name}, {most} {way}: {np.mean(last):.1f} %")
            why[-1] += "" if rising[-1] else ", not rising everywhere"
    return combine([*(compared or [None]), *rising]), "; ".join(why)


def _pairs_of_equal_depth(networks):
    first = {name: next(iter(seeds.values())) for name, seeds in networks.items()}
    depths = {name: len(found["one_deleted"]) for name, found in first.items()}
    pairs = itertools.product([n for n in first if first[n]["plain"]], first)
    return [(p, r) for p, r in pairs if depths[p] == depths[r] and not first[r]["plain"]]


def _is_good(seeds):
    return all(found["whole"] <= WELL_TRAINED for found in seeds.values())


def _by_way(seeds):
    """Way -> number -> errors of the draws of all seeds."""
    found = {}
    for one in seeds.values():
        for way in ("deleted", "exchanged"):
            for number, errors in one.get(way, {}).items():
                found.setdefault(way, {}).setdefault(number, []).extend(errors)
    return found.items()


def _rises(seeds, errors_by_number):
    """Whether no mean error lies clearly below the one of the next smaller number."""
    draws = [[found["whole"] for found in seeds.values()], *errors_by_number.values()]
    means = [np.mean(errors) for errors in draws]
    bars = [2 * np.std(errors) / len(errors) ** 0.5 for errors in draws]
    steps = range(1, len(means))
    return all(means[i] - means[i - 1] > -np.hypot(bars[i], bars[i - 1]) for i in steps)


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    one, (axes,) = chart("one unit deleted", x="unit", y="validation error (%)")
    titles = "units deleted", "pairs exchanged"
    numbers, others = chart(*titles, x="number", y="validation error (%)")
    networks = measured["networks"]
    lines(axes, by_seed(networks, lambda found: found["one_deleted"]))
    for index, (name, seeds) in enumerate(networks.items()):
        whole = np.mean([found["whole"] for found in seeds.values()])
        axes.axhline(whole, color=style(index)["color"], linewidth=0.7, linestyle=":")
        for other, (_, errors) in zip(others, _by_way(seeds), strict=False):
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
