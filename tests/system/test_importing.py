"""What `import tfresnet` does, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfresnet import models

ROOT = Path(__file__).parents[2]

HOMELESS = """
import os, pwd
os.environ.pop("HOME"), os.environ.pop("KERAS_HOME", None)
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
"""


def run(code, *arguments, folder=ROOT):
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_light():
    run("import sys, tfresnet; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)")


def test_after_keras_it_makes_the_layers_known(tmp_path):
    models.create_model("resnet8").save(tmp_path / "m.keras")
    code = "import sys, keras, tfresnet; print(keras.saving.load_model(sys.argv[1]).name)"
    assert run(code, str(tmp_path / "m.keras")).strip() == "resnet8"


@pytest.mark.skipif(sys.platform == "win32", reason="has no passwd")
def test_a_user_without_a_home(tmp_path):
    code = f"{HOMELESS}\nimport tfresnet\nprint(tfresnet.create_model('resnet8').name)"
    assert run(code, folder=tmp_path).strip() == "resnet8"
    code = f"{HOMELESS}\nfrom tfresnet.data.places import keras_datasets\nprint(keras_datasets())"
    assert "~" not in run(code, folder=tmp_path)
