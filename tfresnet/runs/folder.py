"""The folder of one run, `logs/NAME/`: every name in it, and its small files."""

import csv
import datetime
import itertools
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.runs import events
from tfresnet.runs.checkpoints import Checkpoints
from tfresnet.runs.lock import locked
from tfresnet.system.atomic import remove_leftovers, write_text
from tfresnet.system.tables import csv_text


class RunFolder:
    """Paths and files of a run. Makes nothing: see `create`."""

    PARTS = ("train", "validation", "test")  # folders of events, the rows of TensorBoard

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.log = self.path / "log.txt"
        self.model = self.path / "model.keras"
        self.result = self.path / "result.json"
        self.checkpoints = Checkpoints(self.path / "checkpoints")
        self.train, self.validation, self.test = (self.path / part for part in self.PARTS)
        self.features = self.test / "features.tsv"  # of TensorBoard's Projector
        self.feature_labels = self.test / "features_labels.tsv"
        self.thumbnails = self.test / "features_sprite.jpg"

    @classmethod
    def create(cls, settings: dict, environment: dict) -> "RunFolder":
        """Makes the folder of a new run, with its settings: from here on it can be continued.

        Args:
            settings: resolved settings, of which `output_dir`, `name`, `model` and `dataset` give
                the folder its name.
            environment: what else is worth a record.

        Raises:
            InputError: the folder exists already or cannot be written; then there is none.
        """
        path = cls.new_path(settings)
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another run has just taken the name
            return cls.create(settings, environment)
        except OSError as error:
            raise InputError(
                f"output_dir must be a folder that can be written ({error.strerror}). "
                f"Received: {settings['output_dir']}"
            ) from error
        folder = cls(path)
        try:
            folder.write_config(settings, environment)
        except BaseException:
            path.rmdir()  # or its name would be taken
            raise
        return folder

    def write_config(self, settings: dict, environment: dict) -> None:
        content = {"settings": settings, "environment": environment}
        write_text(self.config, json.dumps(content, indent=2) + "\n")

    @staticmethod
    def new_path(settings: dict) -> Path:
        """Where a new run goes, checked as far as possible without making anything.

        Raises:
            InputError: there is a run of that name, or no writable folder to make it in.
        """
        parent = Path(settings["output_dir"]).expanduser()
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        name = f"{settings['model']}-{settings['dataset']}-{stamp}"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        free = (parent / name for name in names if not os.path.lexists(parent / name))
        path = parent / settings["name"] if settings["name"] else next(free)
        if os.path.lexists(path):
            raise InputError(
                "name must be new: a run folder is never overwritten (continue it with --resume). "
                f"Received: {path}"
            )
        existing = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(
                "output_dir must be a folder that can be written. "
                f"Received: {settings['output_dir']} ({existing} is not)"
            )
        return path

    def check_resumable(self) -> None:
        """A run that has trained needs a checkpoint: without one it would start over.

        Every run saves a checkpoint before its first step, so results or charts without any mean
        that the checkpoints were left out or lost.

        Raises:
            InputError: there are results or charts, and no checkpoint.
        """
        if self.checkpoints.paths() or self.checkpoints.damaged():
            return
        parts = (self.path / part for part in self.PARTS)
        left = [path for path in (self.result, self.history) if path.exists()]
        left += [part for part in parts if events.last_step(part) > 0]
        if left:
            raise InputError(
                "a run that has trained needs a checkpoint to be continued, and this one has none "
                f"(begin a new run). Received: {left[0]}"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps every other training away; see `locked`."""
        with locked(self.path / ".lock"):
            for folder in (self.path, self.checkpoints.folder):
                remove_leftovers(folder)
            yield

    def read_config(self) -> dict:
        """`{"settings": {...}, "environment": {...}}` of the run.

        Raises:
            InputError: there is none, or it is damaged.
        """
        try:
            content = json.loads(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error
            raise InputError(
                f"a run folder must hold a readable config.json ({reason}). Received: {self.path}"
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("settings"), dict):
            raise InputError(f"config.json must have an object 'settings'. Received: {self.path}")
        if not isinstance(content.setdefault("environment", {}), dict):
            raise InputError(
                f"'environment' in config.json must be an object. Received: {self.path}"
            )
        return content

    def say(self, line: str) -> None:
        """Prints a line and keeps it in `log.txt`."""
        print(line, flush=True)
        self.note(line)

    def note(self, text: str) -> None:
        """Keeps a line in `log.txt`, as far as there is room: a log is not worth a run."""
        with suppress(OSError), open(self.log, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def write_history(self, rows: list[dict]) -> None:
        """`history.csv`: a row for each epoch, only numbers that a repeated run gives again."""
        if rows:
            write_text(self.history, csv_text(rows) + "\n")

    def read_history(self) -> list[dict]:
        """The rows of `history.csv`.

        Raises:
            ValueError: it is missing or damaged.
        """
        try:
            with open(self.history, encoding="utf-8", newline="") as file:
                rows = [*csv.DictReader(file, strict=True)]
            return [
                {key: int(v) if key in ("epoch", "step") else float(v) for key, v in row.items()}
                for row in rows
            ]
        except (OSError, csv.Error, TypeError) as error:
            raise ValueError(str(error)) from error

    def write_result(self, result: dict) -> None:
        write_text(self.result, json.dumps(result, indent=2) + "\n")

    def read_result(self) -> dict | None:
        """What `write_result` stored, which is the last thing a run does; None if it is not."""
        try:
            result = json.loads(self.result.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return result if isinstance(result, dict) else None

    def how_to_go_on(self) -> str:
        return f"Go on with: python train.py --resume {shlex.quote(str(self.path))}"

    def what_is_left(self) -> str:
        """The last sentence about a run that broke off."""
        if paths := self.checkpoints.paths():
            return f"the state of step {int(paths[-1].stem[5:])} is saved. {self.how_to_go_on()}"
        if self.config.is_file():
            return f"nothing was saved yet. {self.how_to_go_on()}"
        return f"nothing was saved; delete {self.path}"


class SilentFolder(RunFolder):
    """The folder for a worker that is not the chief: it may be read, nothing is said or written."""

    def _nothing(self, *_) -> None: ...

    say = note = write_config = write_history = write_result = _nothing

    @contextmanager
    def lock(self) -> Iterator[None]:
        yield
