"""The work of `python -m tfresnet.report`."""

import errno
import tomllib
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.report import sources
from tfresnet.report.blocks import read_words
from tfresnet.report.page import page
from tfresnet.report.sections import Material, document
from tfresnet.system.atomic import atomic_write

SUFFIXES = {"en": "", "zh": ".zh"}  # of the file names
TEXTS = Path(__file__).parent / "texts"  # one file for each language


def write(paths: list[str], language: str, folder: str | Path, **code: object) -> list[Path]:
    """Writes the report of runs and studies, or of folders of them, into `folder`.

    Returns the files. `code` goes to `sources.read`.

    Raises:
        InputError: see `render`; or `folder` cannot be written.
    """
    folder = Path(folder)
    files = render(sources.folders([Path(path) for path in paths]), language, folder, **code)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with atomic_write(folder / name) as path:
                path.write_bytes(content)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        rule = f"output_dir must be a folder that can be written ({error.strerror})"
        raise InputError(f"{rule}. Received: {folder}") from error
    return [folder / name for name in files]


def render(paths: list[Path], language: str, folder: Path, **code: object) -> dict[str, bytes]:
    """Name -> content of the report's files: the figures, the Markdown and the page.

    Raises:
        InputError: see `sources.read`; or the words of an earlier report cannot be kept.
    """
    texts = tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    name = f"report{SUFFIXES[language]}"
    earlier = _earlier_words(folder / f"{name}.md", texts["words"])
    runs, studies = sources.read(paths, **code)
    blocks = document(Material(runs, studies, texts, folder, earlier))
    files = dict(file for block in blocks for file in block.files)
    markdown = "\n\n".join(block.markdown for block in blocks) + "\n"
    html = page(blocks, texts["title"], texts["html"])
    return files | {f"{name}.md": markdown.encode(), f"{name}.html": html.encode()}


def _earlier_words(file, keys):
    """Key -> the reader's words in an earlier report, which will be replaced."""
    try:
        words = read_words(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        rule = f"{file.name} must be readable as UTF-8 ({error})"
        raise InputError(f"{rule}. Received: {file}") from error
    if missing := keys - words.keys():
        raise InputError(
            f"{file.name} must have its marks `words` and `end`, to keep your words (else rename "
            f"it); missing: {', '.join(sorted(missing))}. Received: {file}"
        )
    return words
