"""Decides which user code may run: the caller's own, or the code in a run if it is trusted."""

from pathlib import Path

from tfresnet.own.network import OwnNetwork
from tfresnet.runs.record import RunRecord
from tfresnet.settings.model_names import own_code, short_name


def own_network(
    run: RunRecord | None, given: object = None, trusted: bool = False
) -> OwnNetwork | None:
    """The user's network that makes the model of a run or of a file; None: no code may run.

    Args:
        run: whose code may be meant.
        given: what `OwnNetwork` takes.
        trusted: whether the code in the run's folder may run.

    Raises:
        InputError: the code cannot be run.
    """
    if given is not None:
        return OwnNetwork(given)
    if trusted and run and run.folder.code.exists():
        return OwnNetwork(f"{run.folder.code}:{short_name(run.config.model)}")
    return None


def is_unchanged(run: RunRecord) -> bool:
    """Whether the file that a run was started from still has the code that the run keeps.

    A file inside the runs' folder does not count: like the runs, it may be a stranger's.
    """
    file = Path((own_code(run.config.model) or ("", None))[0])
    try:
        is_elsewhere = run.path.resolve().parent not in file.resolve().parents
        return is_elsewhere and OwnNetwork(file).text == OwnNetwork(run.folder.code).text
    except OSError:
        return False
