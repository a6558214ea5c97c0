"""A place that the user names stays the same one, whatever folder the next command starts in."""

from pathlib import Path

from tfresnet import data


def test_a_place_is_absolute_and_without_a_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert data.resolve_data_dir(None) is None
    assert data.resolve_data_dir("x/../y") == str(tmp_path / "y")
    assert data.resolve_data_dir(Path("~/x")) == "/home/somebody/x"
    assert data.resolve_data_dir("/x") == "/x"
