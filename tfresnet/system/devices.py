"""The devices of a training, by `tf.distribute`: one, all GPUs, or several machines.

See docs/several-machines.md. With one device every method returns its argument unchanged.
"""

import functools
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tfresnet.errors import InputError, RunError

START_SECONDS = 120.0  # within which all workers must be reachable
HANG_SECONDS = 1800  # after which a worker that answers but takes no part in a sum counts as lost


class Devices:
    """The devices of a run, and the number of this process, `worker`, among its `workers`.

    Worker 0 is the chief, which writes all files. `replicas` copies of the network, over all
    workers, share each batch equally.
    """

    def __init__(self, strategy=None, worker: int = 0, workers: int = 1):
        import tensorflow as tf  # here, because the command line is parsed without it

        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        self.worker, self.workers = worker, workers
        self._sum = tf.function(lambda value: self.strategy.reduce("SUM", value, axis=None))
        self._int32 = functools.partial(tf.constant, dtype=tf.int32)

    @classmethod
    def choose(cls, strategy: str) -> "Devices":
        """The devices for the setting `strategy` on this machine. Raises `InputError` if TF_CONFIG
        is missing or wrong, or a worker cannot be reached in time."""
        cluster = os.environ.get("TF_CONFIG")
        if strategy == "multiworker" and not cluster:
            raise InputError(
                "strategy multiworker needs the environment variable TF_CONFIG, which names the "
                "workers (docs/several-machines.md). Received: none"
            )
        if cluster and strategy in ("auto", "multiworker"):
            addresses, worker = read_cluster(cluster)
            if len(addresses) > 1:
                return cls(_multiworker(cluster), worker, len(addresses))
        return cls(None if strategy == "none" else _mirrored(also_cpus=strategy == "mirrored"))

    @property
    def is_chief(self) -> bool:
        return self.worker == 0

    @property
    def local_replicas(self) -> range:
        """The numbers of this worker's replicas."""
        here = self.replicas // self.workers
        return range(self.worker * here, (self.worker + 1) * here)

    def per_replica(self, value: Callable):
        """Calls `value()` once for each replica of this worker; returns a distributed value."""
        return self.strategy.experimental_distribute_values_from_function(lambda _: value())

    def gather_outputs(self, function: Callable) -> Callable:
        """Runs `function` on all replicas and concatenates their outputs along axis 0."""
        if self.replicas == 1:
            return function
        return lambda *args: self.strategy.gather(self.strategy.run(function, args), axis=0)

    def agree_on_stop(self, signum: int | None) -> int | None:
        """`signum`, or SIGTERM if another worker has a signal: all stop at the same step."""
        if self.workers == 1:
            return signum
        anywhere = int(self._sum(self.per_replica(lambda: self._int32(signum or 0))))
        return signum or (signal.SIGTERM if anywhere else None)

    def gather_texts(self, text: str) -> list[str]:
        """The `text` of each worker, the chief's first."""
        if self.workers == 1:
            return [text]
        letters = self.per_replica(lambda: self._int32([*text.encode(), 0]))
        with self.detect_lost_workers():
            gathered = bytes(self.strategy.gather(letters, axis=0).numpy().tolist())
        return gathered.decode().split("\0")[: -1 : len(self.local_replicas)]

    def check_equal(self, facts: dict) -> None:
        """Raises `InputError` unless all workers have the same `facts`, which must fit JSON."""
        own = json.dumps(facts)
        facts = json.loads(own)  # tuples become lists
        for worker, text in enumerate(self.gather_texts(own)):
            theirs = json.loads(text)
            if different := [name for name in facts if theirs.get(name) != facts[name]]:
                name = different[0]
                raise InputError(
                    f"all workers must have the same {', '.join(different)}. Received: {name} "
                    f"{theirs.get(name)!r} at worker {worker}, {facts[name]!r} here"
                )

    @contextmanager
    def detect_lost_workers(self) -> Iterator[None]:
        """Raises a `RunError` of one line when TensorFlow notices that a worker is lost."""
        import tensorflow as tf

        lost = tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError
        lost += tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError
        try:
            yield
        except lost as error:
            if self.workers == 1:
                raise
            named = re.search(r"/job:(\w+)/replica:0/task:(\d+)", error.message)
            if named:
                who = f"{named[1]} {named[2]}"
            else:  # the chief runs the service
                who = "the chief" if "CoordinationService" in error.message else "another worker"
            raise RunError(
                f"{who} has gone (it ended, hangs, was killed, or the network failed), so this one "
                "ends; its own output says why. Start all of them again"
            ) from error

    def __str__(self) -> str:
        counts = {"replica": self.replicas, "worker": self.workers}
        return " on ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in counts.items())


def read_cluster(text: str) -> tuple[list[str], int]:
    """Parses a TF_CONFIG into (addresses of all workers, the chief's first; own position). Raises
    `InputError` if it has another form than docs/several-machines.md shows."""
    try:
        content = json.loads(text)
        cluster, task = content["cluster"], content["task"]
        jobs = {job: list(cluster[job]) for job in ("chief", "worker") if job in cluster}
        addresses = [address for job in jobs.values() for address in job]
        kind, index = task["type"], task["index"]
    except (ValueError, KeyError, TypeError) as error:
        what = "no such key: " if isinstance(error, KeyError) else ""
        raise _cluster_error("be JSON with cluster and task", text, f"{what}{error}") from error
    if jobs.keys() != cluster.keys() or not addresses or len(jobs.get("chief", "1")) != 1:
        raise _cluster_error("have a cluster of workers and at most one chief", cluster)
    for address in addresses:
        if not isinstance(address, str) or not re.fullmatch(r".+:\d{1,5}", address):
            raise _cluster_error("name each worker as HOST:PORT", address)
    if len({*addresses}) < len(addresses):
        raise _cluster_error("name each worker once", addresses)
    if kind not in jobs:
        raise _cluster_error(f"have a task of type {' or '.join(jobs)}", kind)
    if type(index) is not int or not 0 <= index < len(jobs[kind]):
        raise _cluster_error(f"have a task index from 0 to {len(jobs[kind]) - 1}", index)
    return addresses, addresses.index(jobs[kind][index])


def _cluster_error(rule, received, reason=""):
    reason = f" ({reason})" if reason else ""
    return InputError(f"TF_CONFIG must {rule}{reason}. Received: {received!r}")


def meet(addresses: Sequence[str], worker: int, seconds: float) -> None:
    """Waits until every worker listens at its address, and listens meanwhile. TensorFlow would wait
    for an hour and ignore Ctrl-C. Raises `InputError` if a worker cannot be reached within
    `seconds`, or the own port is taken."""
    missing = {address for number, address in enumerate(addresses) if number != worker}
    deadline = time.monotonic() + seconds
    port = int(addresses[worker].rpartition(":")[2])
    try:
        listener = socket.create_server(("", port), backlog=128)
    except (OSError, OverflowError) as error:
        raise _cluster_error("give this worker a free port", addresses[worker], error) from error
    with listener:
        while missing := {address for address in missing if not _listens(address)}:
            if time.monotonic() > deadline:
                rule = f"name workers that answer within {seconds:.0f} s"
                raise _cluster_error(rule, sorted(missing))
            time.sleep(0.2)


def _listens(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        return True
    except (OSError, OverflowError):
        return False


@functools.cache  # a second strategy in a process would receive the messages of the first
def _multiworker(cluster):
    import tensorflow as tf

    meet(*read_cluster(cluster), START_SECONDS)
    try:
        options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=HANG_SECONDS)
        return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except RuntimeError as error:
        raise InputError(
            "strategy multiworker must be chosen before TensorFlow has computed anything in this "
            f"process. Received: {error}"
        ) from error


@functools.cache
def _mirrored(also_cpus):
    """A strategy over all GPUs, or over the logical CPUs for a trial; None for one device."""
    import tensorflow as tf

    if not also_cpus and len(tf.config.list_physical_devices("GPU")) < 2:
        return None
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy(found) if len(found) > 1 else None
