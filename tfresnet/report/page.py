"""One HTML page that needs nothing beside it: on a screen, on a phone and on paper."""

from collections.abc import Sequence
from html import escape

from tfresnet.report.blocks import Block

STYLE = """
body { max-width: 68rem; margin: 0 auto; padding: 1rem; color: #1a1a1a; line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", "WenQuanYi Zen Hei", sans-serif; }
p, aside { max-width: 48rem; }
pre span { display: block; padding-left: 2em; text-indent: -2em; }
h1 { line-height: 1.25; }
h2 { margin-top: 2.2em; border-bottom: 1px solid #bbb; }
h1, h2, h3 { break-after: avoid; }
a { color: #0b5394; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .88em; background: #f3f3f3; padding: 0 .2em; overflow-wrap: anywhere; }
pre { font-size: .82em; background: #f3f3f3; padding: .7em; overflow-x: auto; }
.wide { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-size: .82em; line-height: 1.35; }
th, td { border-bottom: 1px solid #ddd; padding: .3em .5em; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
td { white-space: nowrap; }
td code { background: none; padding: 0; }
.number { text-align: right; }
figure { margin: 1.2em 0; break-inside: avoid; }
img { max-width: 100%; height: auto; }
figcaption { font-size: .85em; color: #444; }
aside { border: 1px solid #b8860b; border-left-width: 5px; background: #fffaf0; padding: .2em .9em;
  margin: 1.2em 0; break-inside: avoid; }
aside div { white-space: pre-line; margin-bottom: .8em; }
.room { min-height: 4.5em; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; break-inside: avoid; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; }
  table { font-size: 7pt; }
  th, td { padding: .2em .3em; }
  td { white-space: normal; }
  tr { break-inside: avoid; }
}
"""


def page(blocks: Sequence[Block], title: str, language: str) -> str:
    """The page of some blocks; `language` as HTML names it (`zh-CN`)."""
    body = "\n".join(block.html() for block in blocks)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )
