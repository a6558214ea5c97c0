"""The work of `python -m tfresnet.report`."""

import errno
import tomllib
from pathlib import Path

from matplotlib import rc_context, rcParams

from tfresnet.errors import InputError
from tfresnet.report import drawings, sources
from tfresnet.report.blocks import read_words
from tfresnet.report.material import Material
from tfresnet.report.page import page
from tfresnet.report.sections import document
from tfresnet.system.atomic import atomic_write

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
    name = f"report{texts['suffix']}"
    earlier = _earlier_words(folder / f"{name}.md", texts["words"])
    font = drawings.font(texts["fonts"])
    material = Material(*sources.read(paths, **code), texts, folder, earlier, font)
    with rc_context({"font.family": [*font, *rcParams["font.family"]]}):
        text = document(material)
    html = page(text, material.files, texts["title"], texts["html"])
    return material.files | {f"{name}.md": text.encode(), f"{name}.html": html.encode()}


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
