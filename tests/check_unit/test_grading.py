"""How a hand-in is run: whatever it does, it gets a row that says so, and harms nothing."""

import csv
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tfresnet.check_unit.__main__ import main
from tfresnet.check_unit.exercises import cell, words
from tfresnet.check_unit.exercises.grading import EXERCISES, grade

HAND_INS = Path(__file__).parent / "hand_ins"
SOLVED = (HAND_INS / "1.py").read_text()


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(params=[True, slow(False)], ids=["walls", "no walls"])
def walls(request, monkeypatch):
    """With and without namespaces."""
    if request.param and not cell.has_walls():
        pytest.skip("this machine allows no namespaces")
    monkeypatch.setattr(cell, "has_walls", lambda: request.param)
    return request.param


@pytest.fixture
def graded(tmp_path):
    """A function of code to its grade; a solved neighbour lies beside it."""
    (tmp_path / "neighbour.py").write_text(SOLVED)

    def result(code, **limits):
        file = tmp_path / "hand_in.py"
        file.write_text(code)
        return grade(file, 1, tmp_path, **limits)

    return result


def said(got):
    return " ".join(got.lines("en"))


@pytest.mark.parametrize(
    ("code", "points", "remark"),
    [
        ("import os; os._exit(0)", 0, "it ended its own process (status 0)"),
        slow("raise SystemExit", 0, "SystemExit"),
        slow(
            "def pad(x, kernel): return 10 / 0",
            0,
            "ZeroDivisionError: division by zero (hand_in.py",
        ),
        ("def pad(x, kernel): return object()", 0, "its answers are no arrays"),
        slow("def pad(x, kernel): return x.astype('U9')", 0, "the answer has the shape"),
        slow("def pad(x, kernel): return float('nan')", 0, "the answer has the shape"),
        slow("this is no Python", 0, "SyntaxError: invalid syntax (hand_in.py, line 1)"),
        (SOLVED + "print('x' * 1_000_000)", 10, "it printed 1,000,001 bytes"),
        slow(SOLVED + "raise ValueError(1)", 10, "a part of it failed: ValueError: 1 (hand_in.py"),
        slow("import numpy; numpy.ones(10**10)", 0, "MemoryError"),
        ("import tfresnet.check_unit.exercises.convolution", 0, "ModuleNotFoundError"),
    ],
)
def test_it_gets_a_row_that_says_what_it_did(graded, code, points, remark):
    got = graded(code)
    assert got.points == points
    assert remark in said(got)


@pytest.mark.slow
@pytest.mark.parametrize("number", EXERCISES)
def test_solutions_have_full_points_behind_walls_too(number):
    got = grade(HAND_INS / f"{number}-other.py", number)
    assert said(got).count("!") == 0
    assert got.points == got.most == 10


def test_one_that_hangs_is_stopped(graded, walls):
    start = time.monotonic()
    assert "did not end in time" in said(graded("while True: pass", seconds=0.5))
    assert time.monotonic() - start < 5


@pytest.mark.slow
def test_what_it_started_ends_with_it(graded, walls, tmp_path):
    start = """
import ctypes
c = ctypes.CDLL(None)
c.system(b"while sleep 0.1; do true; done &")
"""
    assert graded(start).remarks == []
    ours = (path for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert not any(b"do true" in path.read_bytes() for path in ours if path.exists())


def test_results_that_it_writes_itself_do_not_count(graded):
    forged = "import numpy\nnumpy.savez('answers.npz', **{'pad0.0': 1})\nprint('10 of 10 points')"
    got = graded(forged)
    assert got.points == 0
    assert "files of its own, which do not count: answers.npz" in said(got)
    found = "import gc\nfor o in gc.get_objects():\n if isinstance(o, dict) and 'token' in o:\n"
    got = graded(f"{found}  open(o['token'], 'wb').write(b'PK'); import os; os._exit(0)")
    assert got.points == 0
    assert "wrote into the file of answers itself" in said(got)


def test_it_reads_no_neighbour_and_reaches_nobody(graded, walls, tmp_path):
    neighbour, new = str(tmp_path / "neighbour.py"), str(tmp_path / "new")
    got = graded(f"""
import contextlib, socket
with contextlib.suppress(OSError):
    open({new!r}, "w")
with contextlib.suppress(OSError):
    socket.create_connection(("127.0.0.1", 9), 1)
exec(open({neighbour!r}).read())
""")
    assert got.points == 0
    for what in (f"read {neighbour}", f"write {new}", "socket.connect"):
        assert f"tried to reach outside its folder: {what}" in said(got)
    assert {path.name for path in tmp_path.iterdir()} == {"neighbour.py", "hand_in.py"}


def test_behind_walls_python_s_own_fences_are_not_needed(graded, tmp_path):
    """C knows no audit hooks: only the walls stop it."""
    if not cell.has_walls():
        pytest.skip("this machine allows no namespaces")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    code = f"""
import ctypes
c = ctypes.CDLL(None)
c.umount2({str(tmp_path).encode()!r}, 2)
c.system(b"umount -l {tmp_path}; cat {tmp_path}/neighbour.py > copy; touch {outside}; id > here")
exec(open("copy").read())
assert open("here").read()
"""
    got = graded(code)
    assert got.points == 0
    assert "is not defined" in said(got)
    assert "AssertionError" not in said(got)
    assert not outside.exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "huge", "objects"])
def test_answers_of_strangers_are_read_with_care(tmp_path, kind, monkeypatch):
    file = tmp_path / "answers.npz"
    if kind == "link":
        np.savez(tmp_path / "other.npz", a=1)
        file.symlink_to(tmp_path / "other.npz")
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "huge":
        monkeypatch.setattr(cell, "_MOST_BYTES", 1 << 20)
        np.savez_compressed(file, a=np.zeros(2 << 20, np.uint8))
        assert file.stat().st_size < 1 << 16
    else:
        np.savez(file, a=np.array([{}], dtype=object))
    with pytest.raises((OSError, ValueError)):
        cell.read_arrays(file)


class TestCommand:
    def test_a_folder_has_a_row_for_each(self, tmp_path, capsys):
        folder = tmp_path / "hand-ins"
        (folder / "ada").mkdir(parents=True)
        (folder / "ada" / "1.py").write_text(SOLVED)
        shutil.copy(Path(__file__).parents[2] / "docs/exercises/zh/1-convolution.ipynb", folder)
        (folder / "=1+1.py").write_text("")
        (folder / "notes.ipynb").write_text("[]")
        files = [str(tmp_path / name) for name in ("points.json", "points.csv")]
        with pytest.raises(SystemExit) as end:
            main([str(folder), "--exercise", "1", "--json", files[0], "--csv", files[1]])
        assert end.value.code == 1
        rows = list(csv.DictReader(Path(files[1]).read_text("utf-8-sig").splitlines()))
        points = {row["file"]: int(row["points"]) for row in rows}
        assert points == {"'=1+1.py": 0, "1-convolution.ipynb": 0, "ada/1.py": 10, "notes.ipynb": 0}
        records = {record["file"]: record for record in json.loads(Path(files[0]).read_text())}
        whys = [criterion["why"] for criterion in records["1-convolution.ipynb"]["criteria"]]
        assert all("the gap is open (cell 2, line 3)" in why for why in whys[:1])
        assert "must be a Python file or a notebook" in records["notes.ipynb"]["criteria"][0]["why"]
        assert "ada/1.py: exercise 1" in capsys.readouterr().out

    def test_full_points_are_status_0_in_chinese_too(self, tmp_path, capsys):
        file = tmp_path / "1.py"
        file.write_text(SOLVED)
        main([str(file), "--exercise", "1", "--lang", "zh"])
        assert words.title(1, "zh") in capsys.readouterr().out

    @pytest.mark.parametrize(
        "flags", [["--json", "x.json"], ["--exercise", "9"], ["--exercise", "1", "--against", "x"]]
    )
    def test_impossible_flags_are_one_line(self, tmp_path, capsys, flags):
        with pytest.raises(SystemExit) as end:
            main([str(tmp_path), *flags])
        assert end.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="must hold Python files or notebooks"):
            main([str(tmp_path), "--exercise", "1"])
