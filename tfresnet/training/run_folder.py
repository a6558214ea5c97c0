"""The folder of one run, `logs/NAME/`: what lies where in it."""

import csv
import datetime
import importlib.metadata
import io
import json
import os
import platform
import subprocess
from pathlib import Path

from tfresnet.atomic import write_text
from tfresnet.errors import InputError
from tfresnet.training.checkpoints import Checkpoints
from tfresnet.training.config import TrainConfig
from tfresnet.training.precision import processor_name

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
    def create(cls, config: TrainConfig, details: dict) -> "RunFolder":
        """Makes the folder of a new run and stores its settings.

        Args:
            config: resolved settings.
            details: what else decides the numbers (precision chosen, devices).

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
        content = {"settings": config.to_dict(), "environment": environment() | details}
        write_text(folder.config, json.dumps(content, indent=2) + "\n")
        return folder

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
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_history(self, rows: list[dict]) -> None:
        """`history.csv`: a row for each epoch, only numbers that a repeated run gives again."""
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())

    def write_result(self, result: dict) -> None:
        write_text(self.result, json.dumps(result, indent=2) + "\n")


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
