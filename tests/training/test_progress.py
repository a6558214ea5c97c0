"""Terminals, and everything that is none."""

import io

import pytest

from tfresnet.training.progress import redraws

pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")


@pytest.fixture
def screen():
    """A terminal."""
    ours, theirs = pty.openpty()
    with open(ours, "w"), open(theirs, "w") as stream:
        yield stream


def test_a_terminal(screen, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert redraws(screen)


def test_a_dumb_terminal_redraws_nothing(screen, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not redraws(screen)


def test_no_terminal(tmp_path):
    with open(tmp_path / "file", "w") as file:
        for stream in (None, io.StringIO(), file):
            assert not redraws(stream)
    assert not redraws(file)  # closed
