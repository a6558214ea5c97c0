"""How commands start and end: signals, streams, settings of Keras and of Python."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(*command, preexec_fn=None, stdout=subprocess.PIPE, **environment):
    """The outcome of a Python process in which the package can be imported."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        preexec_fn=preexec_fn,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
    )


def fake_tensorflow(folder, code=""):
    (folder / "tensorflow.py").write_text(code)
    return folder


def script(main, arguments=(), **options):
    """The outcome of a command whose `main` is this code."""
    lines = "".join(f"    {line}\n" for line in main.splitlines())
    code = f"import os, signal, sys\nfrom tfresnet.system import commands\ndef main():\n{lines}"
    return start("-c", code + "commands.run(main, 'script')", *arguments, **options)


def listen():
    """A shell that starts pytest in the background has it ignore Ctrl-C, which is inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


QUICK = [
    ["train.py", "--model", "resnet20", "--dataset", "shapes10", "--epochs", "1"],
    ["evaluate.py", "docs/runs/resnet20-cifar10", "--dataset", "shapes10"],
    ["-m", "tfresnet.verify", "docs/runs/resnet20-cifar10"],
    ["-m", "tfresnet.param_count", "resnet20"],
]
STOPS = [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"terminated")]


@pytest.mark.parametrize(("signum", "status", "word"), STOPS)
def test_a_stop_while_packages_load_is_one_line(signum, status, word, tmp_path):
    """This TensorFlow takes any exception for a fault of its own, and standard error is silent."""
    path = fake_tensorflow(
        tmp_path,
        "import os, signal\n"
        f"try: os.kill(os.getpid(), {int(signum)}); [None for _ in range(1000)]\n"
        "except BaseException: pass\n",
    )
    done = script("commands.load_tensorflow()", preexec_fn=listen, PYTHONPATH=f"{path}:{ROOT}")
    assert (done.returncode, done.stderr) == (status, b"script: " + word + b"\n")


@pytest.mark.parametrize(("signum", "status", "word"), STOPS)
def test_a_stop_at_work_puts_away_what_was_begun(signum, status, word):
    done = script(
        "from tfresnet.system.signals import raise_on_terminate\n"
        "raise_on_terminate()\n"
        f"try: signal.raise_signal({int(signum)})\n"
        "finally: print('put away')",
        preexec_fn=listen,
    )
    assert (done.returncode, done.stderr) == (status, b"script: " + word + b"\n")
    assert done.stdout == b"put away\n"


ENTRIES = [*ROOT.glob("*.py"), *ROOT.glob("tfresnet/*/__main__.py")]
ENTRIES += [path for path in ROOT.glob("tfresnet/*.py") if "__main__" in path.read_text()]


def test_the_package_of_a_command_leaves_tensorflow_to_it():
    """Loaded earlier, it would print its start-up messages and choose its kernels too early."""
    folders = [entry.parent for entry in ENTRIES if entry.name == "__main__.py"]
    modules = ", ".join(".".join(folder.relative_to(ROOT).parts) for folder in folders)
    done = start("-c", f"import sys, {modules}; print('tensorflow' in sys.modules)")
    assert (done.stdout, done.stderr) == (b"False\n", b"")


def test_a_stop_is_answered_before_anything_else_is_imported():
    code = f"""if True:
        import pkgutil, runpy, sys
        from tfresnet.system import commands
        known = set(sys.modules)
        commands.run = lambda *_: print(set(sys.modules) - known)
        for entry in {[*map(str, ENTRIES)]}:
            runpy.run_path(entry, run_name="__main__")
    """
    done = start("-c", code)
    assert (done.stdout, done.stderr) == (b"set()\n" * len(ENTRIES), b"")


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", QUICK, ids=" ".join)
def test_a_stop_at_any_moment_is_one_line(command, signum, tmp_path):
    command = [sys.executable, *command]
    if "train.py" in command:
        command += ["--output-dir", str(tmp_path)]
    for tenths in (1, 2, 4, 7, 11, 16, 22, 29, 37, 46):
        process = subprocess.Popen(
            command, cwd=ROOT, preexec_fn=listen, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(tenths / 10)
        process.send_signal(signum)
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:  # it was faster
            break
        assert (process.returncode, err.count(b"\n")) == (128 + signum, 1), (tenths, err)
    assert tenths > 5


CAT = "\u732b"  # a character that cp1252 and ASCII do not have


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
def test_a_character_that_the_terminal_cannot_show_is_no_error(environment):
    done = script(
        "from tfresnet.errors import InputError\n"
        "print('\\u732b \\udcff')\n"
        "raise InputError('no \\u732b')",
        **environment,
    )
    assert (done.returncode, done.stdout) == (2, b"\\u732b \\udcff\n")
    assert done.stderr == b"script: error: no \\u732b\n"


@pytest.mark.parametrize(
    ("typed", "named"), [("--val-size=9", b"--val-size"), ("--lr=9", b"val_size")]
)
def test_an_error_names_the_flag_that_was_typed(typed, named):
    main = "from tfresnet.errors import InputError; raise InputError('val_size must be less')"
    done = script(main, arguments=[typed])
    assert done.stderr == b"script: error: " + named + b" must be less\n"


def test_a_name_that_is_no_ascii_where_only_ascii_is_known(tmp_path):
    """The bytes of an argument in another encoding are shown, and open the file that they name."""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = start("evaluate.py", str(tmp_path / CAT), **environment)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"must exist, or be one that is shipped" in done.stderr
    (tmp_path / CAT).mkdir()
    main = "from tfresnet import verify; print(verify.parse([sys.argv[1]]).run)"
    done = script(main, arguments=[str(tmp_path / CAT)], **environment)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams(closed, tmp_path):
    """A file that is opened next must not be taken for the stream."""
    file = tmp_path / "file"
    done = script(
        f"file = open({str(file)!r}, 'w')\n"
        "print('shown')\n"
        "os.write(2, b'from below')\n"
        "print(sys.stdin.read(), end='')\n"
        "commands.import_tensorflow()\n"
        "file.write('kept')\n"
        "file.close()\n"
        "sys.exit(3)",
        preexec_fn=lambda: [os.close(number) for number in closed],
        PYTHONPATH=f"{fake_tensorflow(tmp_path)}:{ROOT}",
    )
    assert done.returncode == 3
    assert done.stdout == (b"" if 1 in closed else b"shown\n")
    assert done.stderr == (b"" if 2 in closed else b"from below")
    assert file.read_text() == "kept"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_at_the_other_end_is_one_line(unbuffered):
    with open("/dev/full", "wb") as full:
        done = script("print('result')", stdout=full, PYTHONUNBUFFERED=unbuffered)
    message = b"script: [Errno 28] No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_reason_to_complain(unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        done = script("print('result')", stdout=pipe, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_settings_of_keras_must_be_possible_ones(tmp_path):
    """TensorFlow, which reads them too, asserts it."""
    path = fake_tensorflow(tmp_path, "assert 'float8' in {'float16', 'float32', 'float64'}")
    done = script("commands.load_tensorflow()", PYTHONPATH=f"{path}:{ROOT}")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert done.stderr.startswith(b"script: error: settings of Keras (keras.json,")


def test_without_tensorflow_one_line_says_what_to_install():
    done = start("-S", "-m", "tfresnet.verify", "logs")
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"pip install -r requirements.txt" in done.stderr


OTHERS = {"floatx": "float16", "image_data_format": "channels_first", "backend": "torch"}
SURROUNDINGS = {
    "the backend": {"KERAS_BACKEND": "jax"},
    "the settings of Keras": {"keras.json": json.dumps(OTHERS)},
    "Keras 2": {"TF_USE_LEGACY_KERAS": "1"},
    "no docstrings": {"flags": ["-OO"]},
    "warnings as errors": {"flags": ["-W", "error"]},  # the last flags win
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0"},
}


def check_surroundings(command, home, surroundings):
    environment = {}
    for settings in surroundings:
        environment |= settings
    flags = environment.pop("flags", [])
    (home / "keras.json").write_text(environment.pop("keras.json", "{}"))
    if "train.py" in command:  # as a whole run of small size
        child = "tests/support/child.py"
        command = [child, "300", "50", *command, "--val-size", "100", f"--output-dir={home}/logs"]
    done = start(*flags, *command, KERAS_HOME=str(home), **environment)
    assert done.returncode == 0, done.stderr
    assert b"Warning" not in done.stderr
    assert done.stdout


def test_a_command_works_in_all_surroundings_at_once(tmp_path):
    """But without -OO, for which Python would first compile TensorFlow anew."""
    check_surroundings(QUICK[-1], tmp_path, SURROUNDINGS.values())


@pytest.mark.slow
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("command", QUICK, ids=" ".join)
def test_commands_work_in_other_surroundings(command, surroundings, tmp_path):
    check_surroundings(command, tmp_path, [SURROUNDINGS[surroundings]])


TINY = ["train.py", "--model", "resnet8", "--dataset", "shapes10", "--epochs", "1"]
TINY += ["--train-size", "64", "--val-size", "20", "--batch-size", "32"]


@pytest.mark.slow
def test_a_dumb_terminal_gets_no_escape_codes(tmp_path):
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, *TINY, "--output-dir", str(tmp_path)]
    environment = os.environ | {"TERM": "dumb"}
    subprocess.run(command, cwd=ROOT, env=environment, stdout=follower, stderr=follower, check=True)
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # the end
        while part := os.read(leader, 65536):
            shown += part
    os.close(leader)
    assert b"test: " in shown
    assert b"\x1b" not in shown
    assert b"#" not in shown


@pytest.mark.slow
def test_an_installation_that_cannot_be_written(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "tfresnet", copy / "tfresnet", ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(ROOT / "train.py", copy)
    for path in [*copy.rglob("*"), copy]:
        path.chmod(path.stat().st_mode & ~0o222)
    done = start(*TINY, "--output-dir", str(tmp_path / "logs"), cwd=copy, PYTHONPATH=str(copy))
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_the_home_folder_in_paths(tmp_path):
    done = start(*TINY, "--output-dir=~/runs", "--name=a", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "runs" / "a" / "result.json").exists()
    command = ["-m", "tfresnet.verify", "~/runs/a"]
    assert start(*command, HOME=str(tmp_path)).returncode == 0


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_a_clear_error_in_python(backend):
    code = "import tfresnet\ntry: tfresnet.create_model\nexcept tfresnet.InputError as e: print(e)"
    done = start("-c", code, KERAS_BACKEND=backend)
    assert b"Keras must run on TensorFlow here: set KERAS_BACKEND=tensorflow" in done.stdout
    assert done.stdout.count(b"\n") == 1
