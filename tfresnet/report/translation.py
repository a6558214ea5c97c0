"""Texts of the program, such as the results of a study, in another language."""

import re
from collections.abc import Mapping


def say(text: str, phrases: Mapping[str, str], marks: Mapping[str, str]) -> str:
    """The text with its phrases replaced, in their order.

    Args:
        phrases: regular expressions of whole words -> their replacement.
        marks: punctuation -> that of the other language.
    """
    for pattern, replacement in phrases.items():
        text = re.sub(rf"(?<![\w./-])(?:{pattern})(?![\w-])", replacement, text, flags=re.ASCII)
    for mark, replacement in marks.items():
        text = text.replace(mark, replacement)
    return text
