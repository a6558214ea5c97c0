"""A real TensorBoard on a free port of this machine, asked over HTTP as its pages ask it."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from support.browser import end, wait_for


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, url: str):
        self.url = url

    def get(self, path: str, body: dict | None = None, **query) -> bytes:
        """What a plugin answers: `get("scalars/tags")`; a `body` makes it a POST."""
        address = f"{self.url}/data/plugin/{path}?{urllib.parse.urlencode(query)}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def json(self, path: str, body: dict | None = None, **query):
        return json.loads(self.get(path, body, **query))

    def steps(self, run: str, tag: str) -> list[int]:
        """Steps of a chart."""
        return [step for _, step, _ in self.json("scalars/scalars", run=run, tag=tag)]


@contextlib.contextmanager
def tensorboard(logs: Path, last_run: str):
    """TensorBoard on a folder of runs, which has loaded `last_run`."""
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logs.name]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=logs.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        server = Server(f"http://127.0.0.1:{port}")
        wait_for(server.url, process)
        latest = time.monotonic() + 60
        while last_run not in server.json("scalars/tags"):
            assert time.monotonic() < latest, f"{last_run} was not loaded"
            time.sleep(0.2)
        yield server
    finally:
        end(process)
