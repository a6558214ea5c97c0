"""The work of `python -m tfresnet.report`."""

import errno
import tomllib
from pathlib import Path

from matplotlib import rc_context, rcParams

from tfresnet.errors import InputError
from tfresnet.report import drawings, hand_in, own_words, sources
from tfresnet.report.material import Material
from tfresnet.report.page import page
from tfresnet.report.sections import document
from tfresnet.runs.finding import is_run
from tfresnet.runs.record import RunRecord
from tfresnet.system.atomic import atomic_write

TEXTS = Path(__file__).parent / "texts"  # one file for each language


def write(
    paths: list[str] | None,
    language: str,
    folder: str | Path,
    words: str | None = None,
    archive: str | None = None,
    **code: object,
) -> list[Path]:
    """Writes the report of runs and studies, or of folders of them, into `folder`.

    Args:
        paths: None: those of the last command.
        words: a Markdown file; see `own_words.given`.
        archive: a file for the report and its runs, to be handed in.
        code: goes to `sources.read`.

    Returns:
        The files.

    Raises:
        InputError: see `render`; `folder` cannot be written; a run without its model for `archive`.
    """
    folder = Path(folder)
    found = sources.folders([Path(path) for path in paths]) if paths else sources.last()
    files = render(found, language, folder, words, **code)
    if archive:
        for run in filter(is_run, found):
            RunRecord(run).check_model()
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
    written = [folder / name for name in files]
    if not archive:
        return written
    hand_in.pack(Path(archive), written, found)
    return [*written, Path(archive)]


def render(
    paths: list[Path], language: str, folder: Path, words: str | None = None, **code: object
) -> dict[str, bytes]:
    """Name -> content of the report's files: the figures, the Markdown and the page.

    Raises:
        InputError: see `sources.read`; the reader's words cannot be read or kept.
    """
    texts = tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))
    name = f"report{texts['suffix']}"
    kept = own_words.earlier(folder / f"{name}.md", texts["words"])
    kept |= own_words.given(Path(words), texts) if words else {}
    font = drawings.font(texts["fonts"])
    material = Material(*sources.read(paths, **code), texts, folder, kept, font)
    with rc_context({"font.family": [*font, *rcParams["font.family"]]}):
        text = document(material)
    html = page(text, material.files, texts["title"], texts["html"])
    return material.files | {f"{name}.md": text.encode(), f"{name}.html": html.encode()}
