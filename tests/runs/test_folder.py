"""Names of run folders, and what is left when one cannot be begun."""

import datetime
import json

import pytest

from tfresnet.errors import InputError
from tfresnet.runs import folder
from tfresnet.runs.folder import RunFolder


@pytest.fixture
def settings(tmp_path, monkeypatch):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(folder.datetime, "datetime", Clock)
    return {"model": "resnet8", "dataset": "shapes10", "name": None, "output_dir": str(tmp_path)}


def test_starts_in_one_second_get_names_of_their_own(settings):
    names = [RunFolder.create(settings, {}).path.name for _ in range(3)]
    first = "resnet8-shapes10-20260102-030405"
    assert names == [first, f"{first}-2", f"{first}-3"]


def test_of_two_starts_at_once_with_one_name_the_second_is_refused(settings, monkeypatch):
    named = settings | {"name": "a"}
    path = RunFolder.new_path(named)
    new_path = RunFolder.new_path
    answers = iter([path])  # as it was before the other one made it
    monkeypatch.setattr(
        RunFolder, "new_path", staticmethod(lambda s: next(answers, None) or new_path(s))
    )
    path.mkdir()
    with pytest.raises(InputError, match="never overwritten"):
        RunFolder.create(named, {})


def test_a_start_that_fails_takes_no_name(settings, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("write_text", "make_folder"):
        with monkeypatch.context() as patch:
            patch.setattr(folder, name, full)
            with pytest.raises(InputError, match=r"can be written \(No space"):
                RunFolder.create(settings | {"name": "a"}, {})
    assert RunFolder.create(settings | {"name": "a"}, {}).config.exists()


def test_settings_changed_by_hand(settings):
    run = RunFolder.create(settings, {})
    content = json.loads(run.config.read_text())
    content["settings"]["model"] = "resnet20"
    run.config.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not what was written"):
        run.read_config()
    del content["sha256"]
    run.config.write_text(json.dumps(content))
    assert run.read_config()["settings"]["model"] == "resnet20"


def test_a_command_to_paste_is_quoted(tmp_path):
    assert f"--resume '{tmp_path}/my run'" in RunFolder(tmp_path / "my run").resume_hint()
