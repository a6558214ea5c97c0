"""Compares a slide's number with the counted one: difference, verdict and reason."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from tfresnet.slides.stated import SLIDES, UNITS
from tfresnet.system.tables import csv_text, markdown, text_table

EQUAL, ROUNDED_DOWN, WRONG, ASKED = "equal", "equal, rounded down", "slide is wrong", "not stated"
IN_PAPER = "equal to the paper; published code differs"

_CONV1 = "the row is a full 7x7 convolution; its numbers are those of a separable one (next rows)"
_FIVE_A = "the row's two numbers agree with each other, but not with its filters"
# The reasons that `_reason` cannot derive.
REASONS = {
    "googlenet/conv1/params": _CONV1,
    "googlenet/conv1/ops": _CONV1,
    "googlenet/5a/params": _FIVE_A,
    "googlenet/5a/ops": _FIVE_A,
    "grid/params first": "the same convolution in both; the number fits both in parallel",
    "layers/alexnet": "five convolutions and three dense layers",
}


@dataclass(frozen=True)
class Checked:
    """One number: on the slide (None: a question), counted, and compared.

    `exact` has no unit; `counted` and `difference` have the slide's.
    """

    deck: str
    what: str
    slide: str | None
    counted: str
    exact: int | float | str
    difference: str | None
    verdict: str
    reason: str | None


def check(counted: Mapping[str, int | float | str] | None = None) -> list[Checked]:
    """Compares all of `SLIDES` with `counted`, by default a new count."""
    if counted is None:
        from tfresnet.slides.counted import count_all

        counted = count_all()
    verdicts = {
        stated.key: _verdict(stated, counted[stated.key], counted.get(f"paper/{stated.key}"))
        for stated in SLIDES
    }
    return [_compare(stated, counted[stated.key], verdicts) for stated in SLIDES]


def _verdict(stated, exact, in_paper=None):
    if stated.text is None:
        return ASKED
    if isinstance(exact, str):
        return {exact: EQUAL, in_paper: IN_PAPER}.get(stated.text, WRONG)
    scale = 10 ** _decimals(stated.text)
    slide, ours = float(stated.text) * scale, exact / UNITS[stated.unit] * scale
    if abs(ours - slide) <= 0.5:
        return EQUAL
    return ROUNDED_DOWN if math.floor(ours) == round(slide) else WRONG


def _compare(stated, exact, verdicts):
    text, unit, verdict = stated.text, stated.unit, verdicts[stated.key]
    slide, counted, difference = text, exact, None
    if not isinstance(exact, str):
        digits = _decimals(text or "0") + bool(unit)
        ours = exact / UNITS[unit]
        counted = f"{ours:,.{digits}f}{unit}" if unit else f"{exact:,}"
        if text is not None:
            slide = (f"{int(text):,}" if text.isdigit() else text) + unit
            gap = round(ours - float(text), digits)
            difference = f"{gap:+,.{digits}f}{unit}" if gap else "0"
    reason = _reason(stated, exact, verdicts) if verdict == WRONG else None
    return Checked(stated.deck, stated.what, slide, counted, exact, difference, verdict, reason)


def _reason(stated, exact, verdicts):
    if stated.key in REASONS:
        return REASONS[stated.key]
    gap = abs(exact / UNITS[stated.unit] - float(stated.text)) * 10 ** _decimals(stated.text)
    if gap < 1.5:
        return "off by one in the last digit"
    row, _, quantity = stated.key.rpartition("/")
    if quantity == "params" and verdicts.get(f"{row}/ops") in (EQUAL, ROUNDED_DOWN):
        return "the row's operations fit its filters, its parameters do not"
    return "the layers give another number"


def _decimals(text):
    return len(text.partition(".")[2])


def _rows(checks):
    for one in checks:
        exact = f"{one.exact:,}" if isinstance(one.exact, int) else ""
        verdict = one.verdict + (f": {one.reason}" if one.reason else "")
        cells = [one.deck, one.what, one.slide, one.counted, exact, one.difference, verdict]
        yield [cell or "" for cell in cells]


def summary(checks: Sequence[Checked]) -> str:
    """The number of each verdict in one line."""
    kinds = (EQUAL, ROUNDED_DOWN, IN_PAPER, WRONG, ASKED)
    counts = {kind: sum(one.verdict == kind for one in checks) for kind in kinds}
    return f"{len(checks)} numbers: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()) + "."


def _as_text(render: Callable) -> Callable[[Sequence[Checked]], str]:
    titles = ["deck", "number", "slide", "counted", "exact", "difference", "verdict"]
    return lambda checks: f"{render(titles, list(_rows(checks)))}\n\n{summary(checks)}"


RENDERERS: dict[str, Callable[[Sequence[Checked]], str]] = {
    "table": _as_text(text_table),
    "json": lambda checks: json.dumps([asdict(one) for one in checks], indent=2),
    "csv": lambda checks: csv_text([asdict(one) for one in checks]),
    "markdown": _as_text(markdown),
}
