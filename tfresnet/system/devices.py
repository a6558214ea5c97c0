"""What a training runs on: one device, the GPUs of a machine, or several machines.

The engine is `tf.distribute`; docs/several-machines.md says how it is used. With one device
everything here gives back what it was given.
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

START_SECONDS = 120.0  # in which all workers have to be there


class Devices:
    """The devices of a run, and this process among its workers.

    strategy: TensorFlow's; the default one for one device. replicas: copies of the network, over
    all workers, that take equal parts of a batch. worker: this process, from 0, which is the chief
    and writes for all. workers: how many there are.
    """

    def __init__(self, strategy=None, worker: int = 0, workers: int = 1):
        import tensorflow as tf  # here, because the flags of the commands are read without it

        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        self.worker, self.workers = worker, workers
        self._sum = tf.function(lambda value: self.strategy.reduce("SUM", value, axis=None))

    @classmethod
    def choose(cls, strategy: str) -> "Devices":
        """Those that the setting `strategy` means here.

        Raises:
            InputError: TF_CONFIG is missing or wrong, or not all workers are there in time.
        """
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
    def mine(self) -> range:
        """The replicas of this worker, among all."""
        here = self.replicas // self.workers
        return range(self.worker * here, (self.worker + 1) * here)

    def each(self, value: Callable):
        """What `value()` gives, called once for each replica of this worker, as one value."""
        return self.strategy.experimental_distribute_values_from_function(lambda _: value())

    def concatenated(self, function: Callable) -> Callable:
        """`function` on all replicas; each gets the answers of all behind one another."""
        if self.replicas == 1:
            return function
        return lambda *args: self.strategy.gather(self.strategy.run(function, args), axis=0)

    def asked_to_stop(self, signum: int | None) -> int | None:
        """`signum`, or that of a stop if another worker has one: all stop at the same step."""
        if self.workers == 1:
            return signum
        anywhere = int(self._sum(self.each(lambda: _integers(signum or 0))))
        return signum or (signal.SIGTERM if anywhere else None)

    def everyones(self, text: str) -> list[str]:
        """The texts of all workers, the chief's first."""
        if self.workers == 1:
            return [text]
        letters = self.each(lambda: _integers([*text.encode(), 0]))
        with self.together():
            all_of_them = bytes(self.strategy.gather(letters, axis=0).numpy().tolist())
        return all_of_them.decode().split("\0")[: -1 : len(self.mine)]

    def agree(self, facts: dict) -> None:
        """Raises `InputError` unless `facts`, which JSON can hold, are the same at all workers."""
        own = json.dumps(facts)
        facts = json.loads(own)  # tuples are lists there
        for worker, text in enumerate(self.everyones(own)):
            theirs = json.loads(text)
            if different := [name for name in facts if theirs.get(name) != facts[name]]:
                name = different[0]
                raise InputError(
                    f"all workers must have the same {', '.join(different)}. Received: {name} "
                    f"{theirs.get(name)!r} at worker {worker}, {facts[name]!r} here"
                )

    @contextmanager
    def together(self) -> Iterator[None]:
        """Ends this worker with one line when another has gone.

        TensorFlow notices it by a closed connection or, within seconds, by missing heartbeats.

        Raises:
            RunError: a worker has gone.
        """
        import tensorflow as tf

        gone = tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError
        gone += tf.errors.DeadlineExceededError, tf.errors.FailedPreconditionError
        try:
            yield
        except gone as error:
            if self.workers == 1:
                raise
            named = re.search(r"/job:(\w+)/replica:0/task:(\d+)", error.message)
            who = f"the worker {named[1]} {named[2]}" if named else "another worker"
            raise RunError(
                f"{who} has gone (it ended, was killed, or the network failed), so this one ends; "
                "its own output says why. Start all of them again"
            ) from error

    def __str__(self) -> str:
        counts = {"replica": self.replicas, "worker": self.workers}
        return " on ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in counts.items())


def read_cluster(text: str) -> tuple[list[str], int]:
    """(addresses of all workers, the chief's first; which of them this is) in a TF_CONFIG.

    Raises:
        InputError: it is not of the form that docs/several-machines.md shows.
    """
    try:
        content = json.loads(text)
        cluster, task = content["cluster"], content["task"]
        jobs = {job: list(cluster[job]) for job in ("chief", "worker") if job in cluster}
        addresses = [address for job in jobs.values() for address in job]
        kind, index = task["type"], task["index"]
    except (ValueError, KeyError, TypeError) as error:
        what = "no such key: " if isinstance(error, KeyError) else ""
        raise _wrong("be JSON with cluster and task", text, f"{what}{error}") from error
    if jobs.keys() != cluster.keys() or not addresses or len(jobs.get("chief", "1")) != 1:
        raise _wrong("have a cluster of workers and at most one chief", cluster)
    for address in addresses:
        if not isinstance(address, str) or not re.fullmatch(r".+:\d{1,5}", address):
            raise _wrong("name each worker as HOST:PORT", address)
    if len({*addresses}) < len(addresses):
        raise _wrong("name each worker once", addresses)
    if kind not in jobs:
        raise _wrong(f"have a task of type {' or '.join(jobs)}", kind)
    if type(index) is not int or not 0 <= index < len(jobs[kind]):
        raise _wrong(f"have a task index from 0 to {len(jobs[kind]) - 1}", index)
    return addresses, addresses.index(jobs[kind][index])


def _wrong(rule, received, reason=""):
    reason = f" ({reason})" if reason else ""
    return InputError(f"TF_CONFIG must {rule}{reason}. Received: {received!r}")


def meet(addresses: Sequence[str], worker: int, seconds: float) -> None:
    """Waits until every worker listens at its address.

    TensorFlow itself would wait for an hour, deaf to Ctrl-C. Until it listens we do.

    Raises:
        InputError: one cannot be reached within `seconds`, or the own port is taken.
    """
    missing = {address for number, address in enumerate(addresses) if number != worker}
    deadline = time.monotonic() + seconds
    port = int(addresses[worker].rpartition(":")[2])
    try:
        listener = socket.create_server(("", port), backlog=128)
    except (OSError, OverflowError) as error:
        raise _wrong("give this worker a free port", addresses[worker], error) from error
    with listener:
        while missing := {address for address in missing if not _listens(address)}:
            if time.monotonic() > deadline:
                raise _wrong(f"name workers that answer within {seconds:.0f} s", sorted(missing))
            time.sleep(0.2)


def _listens(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
        return True
    except (OSError, OverflowError):
        return False


@functools.cache  # a second strategy in a process would mistake its messages for the first one's
def _multiworker(cluster):
    import tensorflow as tf

    meet(*read_cluster(cluster), START_SECONDS)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "strategy multiworker must be chosen before TensorFlow has computed anything in this "
            f"process. Received: {error}"
        ) from error


@functools.cache
def _mirrored(also_cpus):
    """A strategy over the GPUs, or, to try it, over the logical CPUs; None for a single device."""
    import tensorflow as tf

    if not also_cpus and len(tf.config.list_physical_devices("GPU")) < 2:
        return None
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy(found) if len(found) > 1 else None


def _integers(value):
    import tensorflow as tf

    return tf.constant(value, tf.int32)
