"""Which backend Keras runs on, and what is said if it is not TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfresnet.errors import InputError
from tfresnet.system.backend import require_tensorflow


@pytest.fixture
def unloaded(monkeypatch, tmp_path):
    """Keras is not imported yet; the folder of its settings."""
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", '{"backend": "tensorflow"}'])
def test_tensorflow_is_what_keras_takes_unasked(content, unloaded):
    if content is not None:
        (unloaded / "keras.json").write_text(content)
    require_tensorflow()


def test_the_environment_counts_more_than_the_file(unloaded, monkeypatch):
    (unloaded / "keras.json").write_text(json.dumps({"backend": "jax"}))
    with pytest.raises(InputError, match=r"set KERAS_BACKEND=tensorflow before .* Received: 'jax'"):
        require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(InputError, match="Received: 'torch'"):
        require_tensorflow()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    require_tensorflow()


def test_what_runs_counts_more_than_the_environment(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    jax = SimpleNamespace(config=SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setitem(sys.modules, "keras", jax)
    with pytest.raises(InputError, match="Received: 'jax'"):
        require_tensorflow()


def test_the_package_says_so_before_it_loads_anything():
    code = (
        "import sys, tfresnet\n"
        "try: tfresnet.create_model\n"
        "except tfresnet.InputError: print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    env = {"KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True)
    assert (done.stdout, done.stderr) == (b"set()\n", b"")
