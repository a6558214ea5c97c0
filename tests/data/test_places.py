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


def test_a_place_in_the_settings_of_a_run_gives_way_when_it_is_gone(tmp_path, caplog):
    assert data.stored_data_dir("cifar10", str(tmp_path)) == str(tmp_path)
    assert data.stored_data_dir("cifar10", None) is None
    gone = str(tmp_path / "gone")
    assert data.stored_data_dir("folder", gone) == gone
    assert caplog.messages == []
    assert data.stored_data_dir("cifar10", gone) is None
    assert caplog.messages == [f"{gone} is gone: looking for the data in the usual places"]
