"""The slides' numbers, read from `numbers.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

# The units of the slides. K is 1024 in GoogLeNet's table, which rounds 64 * 64 + 9 * 64 * 192
# weights and their biases to "112K", and 1024 * 1000 to "1000K".
UNITS = {"": 1, "%": 0.01, "K": 1024, "M": 10**6, "G": 10**9}


@dataclass(frozen=True)
class Stated:
    """One number on a slide, as text, or a question to the reader (`text` is empty).

    `key` names the counted number. A shape, such as "112x112x64", has no unit. `reason` says why a
    number is wrong.
    """

    deck: str
    key: str
    what: str
    text: str
    unit: str = ""
    reason: str = "the layers give another number"


_DATA = tomllib.loads(Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8"))
EXAMPLE, NIN_SIZES = _DATA["example"], _DATA["nin_sizes"]
SLIDES = tuple(Stated(*row) for row in _DATA["numbers"])
