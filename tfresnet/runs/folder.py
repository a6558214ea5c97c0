"""The folder of a run, `logs/NAME/`: the names of its files, and its small files."""

import csv
import datetime
import hashlib
import itertools
import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.runs import events
from tfresnet.runs.checkpoints import Checkpoints
from tfresnet.runs.lock import lock_file
from tfresnet.settings.model_names import short_name
from tfresnet.system.atomic import flush, make_folder, remove_leftovers, write_text
from tfresnet.system.tables import csv_text

_SEAL, _FILES = "sha256", "files"  # keys of config.json and result.json
# Facts that other parts compute with or cut short. Earlier versions wrote fewer.
_ENVIRONMENT = dict.fromkeys(("processor", "dtype_policy", "started"), str)
_ENVIRONMENT |= {"commit": str | None, "cores": int | None, "held_out": int, "trainable": int}
_ENVIRONMENT |= {"resumed": list}
_RESULT = dict.fromkeys(("model", "dataset", "split"), str) | {"n": int}
_RESULT |= dict.fromkeys(("loss", "top1", "top5", "top1_flip", "other_work"), int | float)
_RESULT |= {
    _FILES: dict,
    "per_class": dict,
    "confusion": list,
    "epoch_seconds": list,
    "seconds_to": dict,
}


class RunFolder:
    """The paths and small files of a run. Only `create` makes a folder."""

    PARTS = ("train", "validation", "test")  # folders of events, one row each in TensorBoard

    def __init__(self, path: str | Path):
        self.path = Path(path).expanduser()
        self.config = self.path / "config.json"
        self.code = self.path / "network.py"  # of a user's own network
        self.history = self.path / "history.csv"
        self.log = self.path / "log.txt"
        self.model = self.path / "model.keras"
        self.best = self.path / "best.keras"  # of the best epoch, with `keep_best`
        self.result = self.path / "result.json"
        self.checkpoints = Checkpoints(self.path / "checkpoints")
        self.train, self.validation, self.test = (self.path / part for part in self.PARTS)
        self.features = self.test / "features.tsv"  # for TensorBoard's Projector, like the next two
        self.feature_labels = self.test / "features_labels.tsv"
        self.thumbnails = self.test / "features_sprite.jpg"

    @classmethod
    def create(cls, settings: dict, environment: dict, code: str | None = None) -> "RunFolder":
        """Makes the folder of a new run, the `code` of its own network if it has one, and its
        config.json; from here on it can be resumed. Raises `InputError` if it exists already or
        cannot be written. Nothing is left behind."""
        path = cls.new_path(settings)
        try:
            make_folder(path)
        except FileExistsError:  # another run has just taken the name
            return cls.create(settings, environment, code)
        except OSError as error:
            raise _unwritable(settings, error) from error
        folder = cls(path)
        try:
            if code is not None:
                write_text(folder.code, code)
                environment = environment | {"code_sha256": checksum(code)}
            folder.write_config(settings, environment)
        except BaseException as error:
            shutil.rmtree(path)  # else its name would be taken
            if isinstance(error, OSError):
                raise _unwritable(settings, error) from error
            raise
        return folder

    @staticmethod
    def new_path(settings: dict) -> Path:
        """The path of a new run. Raises `InputError` if it exists or cannot be made."""
        parent = Path(settings["output_dir"]).expanduser()
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        name = f"{short_name(settings['model'])}-{settings['dataset']}-{stamp}"
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
        """Raises `InputError` if a run with results or charts has no checkpoint to continue from. A
        run saves a checkpoint before its first step, so this one has lost them."""
        if self.checkpoints.paths() or self.checkpoints.damaged():
            return
        left = [path for path in (self.result, self.history) if path.exists()]
        left += [
            part for part in (self.train, self.validation, self.test) if events.last_step(part)
        ]
        if left:
            raise InputError(
                "a run that has trained needs a checkpoint to be continued, and this one has none "
                f"(begin a new run). Received: {left[0]}"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other trainings out of the folder; see `lock_file`."""
        with lock_file(self.path / ".lock"):
            for folder in (self.path, self.checkpoints.folder):
                remove_leftovers(folder)
            yield

    def write_config(self, settings: dict, environment: dict) -> None:
        _write_json(self.config, {"settings": settings, "environment": environment})

    def read_config(self) -> dict:
        """The `settings` and the `environment` in config.json. Raises `InputError` if damaged."""
        try:
            content = _read_json(self.config)
        except (OSError, ValueError, RecursionError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error
            raise InputError(
                f"a run folder must hold a readable config.json ({reason}). Received: {self.path}"
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("settings"), dict):
            raise InputError(f"config.json must have an object 'settings'. Received: {self.path}")
        if not _is_environment(content.setdefault("environment", {})):
            raise InputError(
                f"config.json must have an environment as it was written. Received: {self.path}"
            )
        return content

    def say(self, line: str) -> None:
        """Prints a line and appends it to `log.txt`."""
        print(line, flush=True)
        self.note(line)

    def note(self, text: str) -> None:
        """Appends to `log.txt`. A full disk is ignored: a log is not worth a run."""
        with suppress(OSError), open(self.log, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def write_history(self, rows: list[dict]) -> None:
        """Writes a row per epoch to `history.csv`: only numbers that a repeated run reproduces."""
        if rows:
            write_text(self.history, csv_text(rows) + "\n")

    def read_history(self) -> list[dict]:
        """The rows of `history.csv`. Raises `InputError` if it is missing or damaged."""
        try:
            with open(self.history, encoding="utf-8", newline="") as file:
                rows = [*csv.DictReader(file, strict=True)]
            return [
                {key: int(v) if key in ("epoch", "step") else float(v) for key, v in row.items()}
                for row in rows
            ]
        except (OSError, csv.Error, TypeError, ValueError) as error:
            raise InputError(
                f"a run must have a whole history.csv ({error}). Received: {self.path}"
            ) from error

    def flush_events(self) -> None:
        """Returns when all events are on the disk: what is written next counts on them."""
        for part in self._parts():
            flush(*part.iterdir(), part)

    def write_result(self, result: dict) -> None:
        """Writes result.json, the last file of a run, with the checksums of those before it."""
        self.flush_events()
        _write_json(self.result, result | {_FILES: self.checksums()})

    def checksums(self) -> dict[str, str]:
        """Those of the history and of what is in the folders of events, by name."""
        files = [self.history, *(file for part in self._parts() for file in part.iterdir())]
        return {
            file.relative_to(self.path).as_posix(): checksum(file.read_bytes())
            for file in sorted(files)
            if file.is_file()
        }

    def read_result(self) -> dict | None:
        """The content of result.json; None if it is missing or damaged."""
        with suppress(OSError, ValueError, RecursionError):
            return self.check_result()[0]
        return None

    def check_result(self) -> tuple[dict, dict[str, str]]:
        """(the result, the `checksums` at its time). Raises `ValueError` if damaged."""
        result = _read_json(self.result)
        if not _fits(result, _RESULT):
            raise ValueError("it must hold the facts of a test")
        return result, result.pop(_FILES, {})

    def _parts(self):
        return [part for part in (self.train, self.validation, self.test) if part.exists()]

    def resume_hint(self) -> str:
        return f"Go on with: python train.py --resume {shlex.quote(str(self.path))}"

    def recovery_hint(self) -> str:
        """What is saved of a run that failed, and how to continue."""
        if paths := self.checkpoints.paths():
            return f"the state of step {int(paths[-1].stem[5:])} is saved. {self.resume_hint()}"
        if self.config.is_file():
            return f"nothing was saved yet. {self.resume_hint()}"
        return f"nothing was saved; delete {self.path}"


class SilentFolder(RunFolder):
    """The folder for a worker that is not the chief: it only reads."""

    def _nothing(self, *_) -> None: ...

    say = note = write_config = write_history = flush_events = write_result = _nothing

    @contextmanager
    def lock(self) -> Iterator[None]:
        yield


def _is_environment(content):
    """Whether the facts of the start, and of each resume, have their types."""
    return _fits(content, _ENVIRONMENT) and all(map(_is_environment, content.get("resumed", [])))


def _fits(content, types):
    """Whether what is there of the known facts has their types."""
    return isinstance(content, dict) and all(
        isinstance(content[name], kind) for name, kind in types.items() if name in content
    )


def _unwritable(settings, error):
    return InputError(
        f"output_dir must be a folder that can be written ({error.strerror}). "
        f"Received: {settings['output_dir']}"
    )


def checksum(content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()


def _write_json(path, content):
    sealed = content | {_SEAL: checksum(json.dumps(content))}
    write_text(path, json.dumps(sealed, indent=2) + "\n")


def _read_json(path):
    """The content of a file that `_write_json` wrote; those of earlier versions have no seal."""
    content = json.loads(path.read_text(encoding="utf-8"))
    items = [*content.items()] if isinstance(content, dict) else []
    # The seal is the last of all, and known by what it says: its name may be damaged, too.
    sealed = dict(items[:-1])
    if items and items[-1][1] == checksum(json.dumps(sealed)):
        return sealed
    if _SEAL in dict(items):
        raise ValueError(
            f"it is not what was written; whoever changed it on purpose takes out {_SEAL!r}"
        )
    return content
