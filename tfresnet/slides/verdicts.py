"""Compares a slide's number with the counted one: difference, verdict and reason."""

import json
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from tfresnet.slides.stated import SLIDES, UNITS
from tfresnet.system.tables import csv_text, markdown, text_table

EQUAL, ROUNDED_DOWN, WRONG, ASKED = "equal", "equal, rounded down", "slide is wrong", "not stated"
IN_PAPER = "equal to the paper; published code differs"
_WIDTH = 99  # of a table: it fits a screen of a hundred columns
_SHORT = {ROUNDED_DOWN: "rounded", WRONG: "wrong", ASKED: "asked", IN_PAPER: "as paper"}


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
    return [_compare(one, counted[one.key], counted.get(f"paper/{one.key}")) for one in SLIDES]


def _compare(stated, exact, in_paper):
    text, unit, verdict = stated.text, stated.unit, _verdict(stated, exact, in_paper)
    slide, counted, difference = text or None, exact, None
    if not isinstance(exact, str):
        digits = _decimals(text) + bool(unit)
        ours = exact / UNITS[unit]
        counted = f"{ours:,.{digits}f}{unit}" if unit else f"{exact:,}"
        if text:
            slide = (f"{int(text):,}" if text.isdigit() else text) + unit
            gap = round(ours - float(text), digits)
            difference = f"{gap:+,.{digits}f}{unit}" if gap else "0"
    reason = stated.reason if verdict == WRONG else None
    return Checked(stated.deck, stated.what, slide, counted, exact, difference, verdict, reason)


def _verdict(stated, exact, in_paper=None):
    if not stated.text:
        return ASKED
    if isinstance(exact, str):
        return {exact: EQUAL, in_paper: IN_PAPER}.get(stated.text, WRONG)
    scale = 10 ** _decimals(stated.text)
    slide, ours = float(stated.text) * scale, exact / UNITS[stated.unit] * scale
    if abs(ours - slide) <= 0.5:
        return EQUAL
    return ROUNDED_DOWN if math.floor(ours) == round(slide) else WRONG


def _decimals(text):
    return len(text.partition(".")[2])


def _as_text(render: Callable, checks: Sequence[Checked]) -> str:
    titles = ["deck", "number", "slide", "counted", "exact", "verdict"]
    rows = []
    for one in checks:
        exact = f"{one.exact:,}" if isinstance(one.exact, int) else ""
        verdict = _SHORT.get(one.verdict, one.verdict)
        rows.append([one.deck, one.what, one.slide or "", one.counted, exact, verdict])
    return "\n\n".join((render(titles, rows), "\n".join(_reasons(checks)), summary(checks)))


def _reasons(checks: Sequence[Checked]) -> Iterator[str]:
    """Lines that say why slides are wrong: each reason with its numbers."""
    for reason in dict.fromkeys(one.reason for one in checks if one.reason):
        names = "; ".join(one.what for one in checks if one.reason == reason)
        yield textwrap.fill(f"- {names}: {reason}", _WIDTH, subsequent_indent="  ")


def summary(checks: Sequence[Checked]) -> str:
    """The number of each verdict in one sentence of two lines."""
    counts = Counter(one.verdict for one in checks)
    return textwrap.fill(
        f"Of {len(checks)} numbers, the slides ask for {counts[ASKED]} and state the others: "
        f"{counts[EQUAL]} equal the counted ones, {counts[ROUNDED_DOWN]} are those rounded down, "
        f"{counts[IN_PAPER]} are as in the paper, whose published code differs, and "
        f"{counts[WRONG]} are wrong.",
        _WIDTH,
    )


RENDERERS: dict[str, Callable[[Sequence[Checked]], str]] = {
    "table": lambda checks: _as_text(text_table, checks),
    "json": lambda checks: json.dumps([asdict(one) for one in checks], indent=2),
    "csv": lambda checks: csv_text([asdict(one) for one in checks]),
    "markdown": lambda checks: _as_text(markdown, checks),
}
