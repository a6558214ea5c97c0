"""The section on the curves: one chart for each network, and a table of the errors."""

import math
import re
from collections.abc import Iterator, Sequence

from tfresnet.report import drawings
from tfresnet.report.material import Material
from tfresnet.report.networks import name_of
from tfresnet.runs.record import RunRecord
from tfresnet.settings.model_names import short_name

# Settings that make another network, or the same one once more.
_OF_NETWORK = {"model", "model_option", "shortcut", "zero_init_residual", "seed"}


def curves(material: Material, texts: dict) -> Iterator[str]:
    yield texts["about"]
    for model, groups in by_network(material.runs).items():
        for start in range(0, len(groups), drawings.TOGETHER):
            some = dict([*groups.items()][start : start + drawings.TOGETHER])
            caption = texts["figure"].format(network=model)
            without = [label for label, runs in some.items() if not drawings.has_validation(runs)]
            if without:
                caption += texts["without"].format(runs=material.names(map(material.say, without)))
            name = re.sub(r"[^\w.-]+", "-", f"curves-{model}")  # a model may be FILE.py:NAME
            name += f"-{start}" if start else ""
            shown = {material.say_in_figure(label): runs for label, runs in some.items()}
            pngs = drawings.pictures(drawings.curves(shown, material.say_in_figure))
            yield material.picture(name, caption, pngs)
    for runs in _twins(material.runs):
        yield texts["plain"].format(runs=material.names(runs))
    yield texts["table"]
    yield from material.by_run(
        training_error=lambda run: _error(run.history[-1].get("top1")),
        validation_error=lambda run: _error(run.history[-1].get("val_top1")),
        test_error=_test_error,
        **{"test top-5 error": lambda run: _error(run.result["top5"])},
        with_flip=lambda run: _error(run.result.get("top1_flip")),
    )


def by_network(runs: Sequence[RunRecord]) -> dict[str, dict[str, list[RunRecord]]]:
    """Network -> label -> runs that differ in nothing but the seed. A plain network is in the group
    of its residual twin."""
    networks, names = {}, {run.name: name_of(run) for run in runs}
    for found in _twins(runs):
        models = dict.fromkeys(short_name(run.config.model) for run in found)
        names |= {run.name: ", ".join(models) for run in found}
    for same in _alike(runs, {"seed"}):
        label = same[0].name
        if len(same) > 1:
            label = re.sub(r"-seed\d+$", "", label) + f" ({len(same)} runs)"
        networks.setdefault(names[same[0].name], {})[label] = same
    return networks


def _twins(runs):
    """Each set of runs that differ in the network alone, some of which are plain and some not."""
    for found in _alike(runs, _OF_NETWORK):
        if len({"plain" in short_name(run.config.model).lower() for run in found}) == 2:
            yield found


def _alike(runs, ignored):
    """Groups of runs that agree in all settings but the `ignored` ones."""
    found = {}
    for run in runs:
        settings = run.config.identity.items()
        key = [str(value) for name, value in settings if name not in ignored]
        found.setdefault((*key, "" if "model" in ignored else run.code), []).append(run)
    return found.values()


def _test_error(run):
    """With two standard errors of the sample of test images."""
    top1, n = run.result["top1"], run.result["n"]
    share = min(max(top1, 1 / n), 1 - 1 / n)
    return f"{_error(top1)} ± {200 * math.sqrt(share * (1 - share) / n):.2f}"


def _error(top1):
    return "" if top1 is None else f"{100 * (1 - top1):.2f}"
