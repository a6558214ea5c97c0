"""What `python -m tfresnet.report` does."""

import errno
import tomllib
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.report import sources
from tfresnet.report.blocks import Picture, written_words
from tfresnet.report.page import page
from tfresnet.report.sections import Material, document
from tfresnet.system.atomic import replaced

SUFFIXES = {"en": "", "zh": ".zh"}  # of the files' stems
TEXTS = Path(__file__).parent / "texts"  # all words, a file for each language


def write(paths: list[str], language: str, folder: str | Path) -> list[Path]:
    """Writes the report of these runs and studies, or of those in these folders, into `folder`.

    Returns its files.

    Raises:
        InputError: see `sources.read` and `files_of`; or a folder that cannot be written.
    """
    found = sources.folders([Path(path) for path in paths])
    folder = Path(folder)
    files = files_of(found, language, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replaced(folder / name) as path:
                path.write_bytes(content)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise InputError(
            f"output_dir must be a folder that can be written ({error.strerror}). "
            f"Received: {folder}"
        ) from error
    return [folder / name for name in files]


def files_of(paths: list[Path], language: str, folder: Path) -> dict[str, bytes]:
    """Name -> content of the report's files: the figures, the Markdown and the page.

    Raises:
        InputError: see `sources.read`; or the words in an earlier report could not be kept.
    """
    texts = tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    name = f"report{SUFFIXES[language]}"
    earlier = _earlier_words(folder / f"{name}.md", texts["words"])
    runs, studies = sources.read(paths)
    blocks = document(Material(runs, studies, texts, folder, earlier))
    files = {block.file: block.png for block in blocks if isinstance(block, Picture)}
    markdown = "\n\n".join(block.markdown() for block in blocks) + "\n"
    html = page(blocks, texts["title"], texts["html"])
    return files | {f"{name}.md": markdown.encode(), f"{name}.html": html.encode()}


def _earlier_words(file, keys):
    """What stands in the places of an earlier report, which is about to be replaced."""
    try:
        words = written_words(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file.name} must be readable as UTF-8 ({error}). Received: {file}"
        ) from error
    if missing := keys - words.keys():
        raise InputError(
            f"{file.name} must have its marks `words` and `end`, for your words to be kept (else "
            f"rename it); missing: {', '.join(sorted(missing))}. Received: {file}"
        )
    return words
