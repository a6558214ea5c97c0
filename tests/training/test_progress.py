"""Terminals, and everything that is none."""

import io
from types import SimpleNamespace

import pytest

from tfresnet.training.progress import Progress, can_redraw

pty = pytest.importorskip("pty", reason="pseudo-terminals are Unix's")


@pytest.fixture
def screen():
    """A terminal."""
    ours, theirs = pty.openpty()
    with open(ours, "w"), open(theirs, "w") as stream:
        yield stream


def test_a_terminal(screen, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert can_redraw(screen)


def test_a_dumb_terminal_redraws_nothing(screen, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not can_redraw(screen)


def test_no_terminal(tmp_path):
    with open(tmp_path / "file", "w") as file:
        for stream in (None, io.StringIO(), file):
            assert not can_redraw(stream)
    assert not can_redraw(file)  # closed


def test_the_time_left_counts_the_larger_images_to_come():
    run = SimpleNamespace(epoch=1, epochs=3, steps_per_epoch=10, total_steps=26)
    run.side_of_epoch = [16, 16, 32].__getitem__
    run.state, run.image_side = SimpleNamespace(step=14), 16
    assert Progress(run)._left(0.5) == 0.5 * (6 + 6 * 4)
