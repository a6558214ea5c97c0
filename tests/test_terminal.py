"""Terminals of known size, and everything that is none."""

import contextlib
import io

import pytest

from tfresnet import terminal

pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")


@pytest.fixture
def screen():
    """A function that opens a terminal of so many columns."""
    import termios

    with contextlib.ExitStack() as streams:

        def opened(columns):
            ours, theirs = pty.openpty()
            termios.tcsetwinsize(theirs, (24, columns))
            streams.enter_context(open(ours, "w"))
            return streams.enter_context(open(theirs, "w"))

        yield opened


def test_a_terminal(screen, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.redraws(screen(123))
    assert terminal.width(screen(123)) == 123


def test_a_terminal_without_a_size_has_a_usual_one(screen):
    assert terminal.width(screen(0)) == 80


def test_a_dumb_terminal_redraws_nothing(screen, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.redraws(screen(100))


def test_no_terminal(tmp_path):
    with open(tmp_path / "file", "w") as file:
        for stream in (None, io.StringIO(), file):
            assert (terminal.redraws(stream), terminal.width(stream)) == (False, 80)
    assert (terminal.redraws(file), terminal.width(file)) == (False, 80)  # closed
