"""The content of a report, and the blocks that need its language."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tfresnet.report import blocks, own_words, translation
from tfresnet.report.sources import Study
from tfresnet.runs.record import RunRecord


@dataclass(frozen=True)
class Material:
    """The content of a report.

    Attributes:
        texts: the texts of one language, a file of `texts/`.
        place: folder of the report; links are relative to it.
        written: key -> the reader's words in an earlier report.
        font: the font of the figures, if the language needs one and there is one.
        files: the pictures so far, name -> PNG.
    """

    runs: list[RunRecord]
    studies: list[Study]
    texts: dict
    place: Path
    written: dict[str, str]
    font: Sequence[str] = ()
    files: dict[str, bytes] = field(default_factory=dict)

    def say(self, text: str) -> str:
        """A text of the program in the language of the report."""
        return translation.say(text, self.texts["phrases"], self.texts["marks"])

    def say_in_figure(self, text: str) -> str:
        """The same for a figure; in English without a font for the language."""
        return text if self.texts["fonts"] and not self.font else self.say(text)

    def class_name(self, name: str, in_figure: bool = False) -> str:
        """A class in the language of the report, if the language has a word for it."""
        can_show = self.font or not (in_figure and self.texts["fonts"])
        return self.texts["names"].get(name, name) if can_show else name

    def say_of_classes(self, text: str) -> str:
        """As `say_in_figure`, for a text with names of classes."""
        words = self.say_in_figure(text).split(" ")
        return " ".join(self.class_name(word, in_figure=True) for word in words)

    def names(self, runs: Iterable[RunRecord | str]) -> str:
        """The names of runs, or labels, in one line."""
        return self.say(", ").join(f"`{getattr(run, 'name', run)}`" for run in runs)

    def title(self, name: str) -> str:
        """The title of a column; one without a translation stays as it is."""
        return self.texts["columns"].get(name, name)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """A table without its empty columns."""
        used = [n for n, _ in enumerate(titles) if any(row[n] for row in rows)]
        named = [self.title(titles[n]) for n in used]
        return blocks.table(named, [[row[n] for n in used] for row in rows])

    def by_run(self, **columns: Callable[[RunRecord], object]) -> Iterator[str]:
        """One row for each run, with the columns that differ; a line says what all runs share."""
        found = {
            self.title(name.replace("_", " ")): [self.say(str(value(run))) for run in self.runs]
            for name, value in columns.items()
        }
        several = len(self.runs) > 1
        shared = {title: cells for title, cells in found.items() if several and len({*cells}) == 1}
        said = [f"{title} {cells[0]}" for title, cells in shared.items() if cells[0]]
        if said:
            yield self.texts["shared"].format(self.say("; ").join(said))
        titles = [title for title in found if title not in shared]
        if titles:
            names = (f"`{run.name}`" for run in self.runs)
            rows = [*zip(names, *(found[title] for title in titles), strict=True)]
            yield self.table(("run", *titles), rows)

    def words(self, key: str) -> str:
        prompt = f"{self.texts['your words']} {self.texts['words'][key]}"
        return own_words.block(key, prompt, self.written.get(key, ""))

    def picture(self, name: str, caption: str, pngs: Sequence[bytes]) -> str:
        """A line of pictures above their caption."""
        ends = [""] if len(pngs) == 1 else [f"-{number}" for number, _ in enumerate(pngs, start=1)]
        files = [f"{name}{end}{self.texts['suffix']}.png" for end in ends]
        self.files.update(zip(files, pngs, strict=True))
        about = caption.replace("`", "")
        shown = " ".join(f"![{about}]({quote(file)})" for file in files)
        return f"{shown}  \n*{caption}*"
