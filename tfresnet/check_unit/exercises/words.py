"""What a grade says, in English and Chinese."""

import functools
import tomllib
from pathlib import Path

from tfresnet.check_unit.exercises.judging import Finding

LANGUAGES = ("en", "zh")


@functools.cache
def texts(lang: str) -> dict:
    """All texts of a language: `[N]` has those of exercise N."""
    file = Path(__file__).parent / "texts" / f"{lang}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def title(number: int, lang: str) -> str:
    return texts(lang)[str(number)]["title"]


def criterion(number: int, name: str, lang: str) -> str:
    return texts(lang)[str(number)][name]["asks"]


def explain(number: int, name: str, finding: Finding, lang: str) -> str:
    """What is wrong: in words of the criterion, or in those that all exercises share."""
    known = texts(lang)
    own = known[str(number)].get(name, {})
    text = own.get(finding.key) or known["findings"].get(finding.key)
    if text is None:  # of `check_unit.mistakes`, perhaps with the units that make it
        where = next((words for words in known["where"] if finding.key.startswith(words)), "")
        words = finding.key.removeprefix(where)
        return known["where"].get(where, "") + known.get("mistakes", {}).get(words, words)
    values = {key: part(value, known) for key, value in finding.values.items()}
    return text.format(**values)


def part(value: object, known: dict) -> str:
    """A layer (kind, shape of its first weight) in words; anything else as it is."""
    if not isinstance(value, tuple):
        return str(value)
    kind, shape = value
    return known["layers"].get(kind, kind).format(*shape)
