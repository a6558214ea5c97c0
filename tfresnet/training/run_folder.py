"""The folder of one run, `logs/NAME/`: what lies where in it."""

import csv
import datetime
import importlib.metadata
import io
import json
import logging
import os
import platform
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfresnet.atomic import remove_leftovers, write_text
from tfresnet.errors import InputError
from tfresnet.training.checkpoints import Checkpoints
from tfresnet.training.config import TrainConfig
from tfresnet.training.precision import processor_name

logger = logging.getLogger("tfresnet")
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard")


class RunFolder:
    """Paths and files of a run. Makes nothing: see `create`."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.log = self.path / "log.txt"
        self.model = self.path / "model.keras"
        self.result = self.path / "result.json"
        self.checkpoints = Checkpoints(self.path / "checkpoints")

    @classmethod
    def create(cls, config: TrainConfig) -> "RunFolder":
        """Makes the folder of a new run.

        Raises:
            InputError: the folder exists already or cannot be written.
        """
        folder = cls(cls.new_path(config))
        try:
            folder.path.mkdir(parents=True)
        except OSError as error:
            raise InputError(
                f"output_dir must be a folder that can be written ({error.strerror}). "
                f"Received: {config.output_dir}"
            ) from error
        return folder

    def write_config(self, config: TrainConfig, details: dict) -> None:
        """Stores the settings; from here on the run can be continued.

        Args:
            config: resolved settings.
            details: what else is worth knowing (devices).
        """
        content = {"settings": config.to_dict(), "environment": environment() | details}
        write_text(self.config, json.dumps(content, indent=2) + "\n")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps every other training away from the folder until the block or the process ends.

        The lock is the kernel's: a killed process holds none, and no file has to be cleaned up.
        Windows has no `fcntl`; there only the user keeps two trainings apart.

        Raises:
            InputError: another training is at work here, or the folder cannot be written.
        """
        try:
            descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(
                f"a run folder must be writable ({error.strerror}). Received: {self.path}"
            ) from error
        try:
            _lock(descriptor, self.path)
            remove_leftovers(self.path)
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def new_path(config: TrainConfig) -> Path:
        """Where a new run goes, checked as far as possible without making anything.

        Raises:
            InputError: there is a run of that name, or no writable folder to make it in.
        """
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        path = Path(config.output_dir) / (config.name or f"{config.model}-{config.dataset}-{stamp}")
        if os.path.lexists(path):
            raise InputError(
                "name must be new: a run folder is never overwritten (continue it with --resume). "
                f"Received: {path}"
            )
        existing = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(
                "output_dir must be a folder that can be written. "
                f"Received: {config.output_dir} ({existing} is not)"
            )
        return path

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
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())

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


def _lock(descriptor, path):
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"a run folder takes one training at a time, and one is running. Received: {path}"
        ) from error
    except OSError as error:  # a network file system without locks
        logger.warning("no lock on %s (%s): start no second training there", path, error.strerror)


def environment() -> dict:
    """Versions, commit and machine, for the record."""
    return {
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "commit": _commit(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def _commit():
    """The commit of the code, with "+" for uncommitted changes; None outside a checkout."""
    here = Path(__file__).parent
    try:
        git = ["git", "-C", str(here)]
        run = {"capture_output": True, "text": True, "check": True, "timeout": 10}
        commit = subprocess.run([*git, "rev-parse", "HEAD"], **run).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno", str(here)], **run).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed.strip() else "")
