"""The report as one HTML page without other files, for screens, phones and paper."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tfresnet.report.blocks import Block


def page(blocks: Sequence[Block], title: str, language: str) -> str:
    """The HTML page of the blocks; `language` is an HTML language code such as `zh-CN`."""
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    body = "\n".join(block.html for block in blocks)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )
