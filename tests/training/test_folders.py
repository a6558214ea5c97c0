"""Training and evaluation on a folder of pictures, and on some classes."""

import json
import shutil
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest
from support.picture_folders import make_folder
from support.small import leave_pages_out, without_times

import tfresnet
from tfresnet import TrainConfig, models
from tfresnet.data import picture_files
from tfresnet.errors import InputError, RunError
from tfresnet.evaluation import flags as evaluate_flags
from tfresnet.runs.checkpoints import read
from tfresnet.training import flags as train_flags
from tfresnet.training import setup
from tfresnet.training.run import Run

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def root(tmp_path):
    return make_folder(tmp_path / "pictures", {"train": 20, "test": 5}, ending="jpg")


def config(root, **more):
    settings = {
        "model": "resnet8",
        "precision": "float32",
        "dataset": "folder",
        "data_dir": root,
        "image_size": 16,
    }
    settings |= {"epochs": 2, "batch_size": 8, "warmup_epochs": 0, "name": "run"}
    return TrainConfig(**settings | {"output_dir": str(root.parent / "logs")} | more)


@pytest.fixture
def no_pages(monkeypatch):
    leave_pages_out(monkeypatch)


class Killed(BaseException):
    pass


def killed_after(steps, config, monkeypatch):
    """A run that has died after so many steps, the last of which is saved."""
    save, count = Run.count, [0]

    def counted(run, measured, seconds):
        save(run, measured, seconds)
        count[0] += 1
        if count[0] == steps:
            run.save()
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Run, "count", counted)
        with pytest.raises(Killed):
            tfresnet.train(config)


def last_state(run):
    return read(sorted(run.path.glob("checkpoints/step-*.npz"))[-1]).arrays


@pytest.mark.parametrize("room", [0, 10**9])
def test_a_resumed_run_ends_bit_for_bit_like_one_never_stopped(root, no_pages, monkeypatch, room):
    whole = tfresnet.train(config(root))
    shutil.move(whole.path, root.parent / "whole")
    monkeypatch.setattr("tfresnet.data.folder.free_memory", lambda: room)
    killed_after(6, config(root), monkeypatch)
    run = tfresnet.train(resume=whole.path)
    whole.path = root.parent / "whole"
    assert (run.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()
    assert without_times(run.result) == without_times(whole.result)
    expected = last_state(whole)
    for name, array in last_state(run).items():
        np.testing.assert_array_equal(array, expected[name], name)


def test_all_pages_are_written_and_the_run_is_evaluated_as_it_was(root):
    run = tfresnet.train(config(root, epochs=1))
    assert run.result["n"] == 10
    assert "36 images, 4 held out" in (run.path / "log.txt").read_text()
    assert (run.path / "test" / "features_sprite.jpg").exists()
    again = tfresnet.evaluate(run.path)
    assert again["confusion"] == run.result["confusion"]
    preprocessing = models.preprocessing_of(tfresnet.load_model(run.path / "model.keras"))
    assert preprocessing.class_names == ("cat", "dog")
    other = make_folder(root.parent / "other", {"": 10})
    for source in (run.path, run.path / "model.keras"):
        found = tfresnet.evaluate(source, dataset="folder", data_dir=other)
        assert (found["n"], list(found["per_class"])) == (4, ["cat", "dog"])


def test_val_is_the_validation(root, no_pages):
    make_folder(root, {"val": 3})
    run = tfresnet.train(config(root, epochs=1))
    assert "40 images, 6 held out" in (run.path / "log.txt").read_text()
    assert tfresnet.evaluate(run.path, split="val")["n"] == 6


def test_a_run_says_where_its_pictures_come_from(root, no_pages):
    make_folder(root, {"valid": 3})
    log = (tfresnet.train(config(root, epochs=1)).path / "log.txt").read_text()
    assert "train 40 of train/, validation 6 of valid/, test 10 of test/" in log
    assert "2 classes, images to train on: cat 20, dog 20" in log
    alone = config(root / "train", epochs=1, name="alone")
    log = (tfresnet.train(alone).path / "log.txt").read_text()
    held_out = "train 29 of train/, validation 3 held out of train/, test 8 held out of train/"
    assert held_out in log


def test_classes_far_from_balanced(root, no_pages, capsys):
    make_folder(root, {"train": 60, "test": 15}, ("fox",), ending="png")
    weighted = config(root, epochs=1, class_weight="balanced", val_size=0)
    run = tfresnet.train(weighted)
    log = (run.path / "log.txt").read_text()
    assert "cat 20, dog 20, fox 60 (far from balanced: " in log
    assert run.result["mean_per_class"] == pytest.approx(
        np.mean([*run.result["per_class"].values()])
    )
    material = setup.load_material(weighted.resolved())[1]
    np.testing.assert_allclose(material.class_weights("balanced"), [5 / 3, 5 / 3, 5 / 9])
    assert material.class_weights("none") is None
    plain = tfresnet.train(config(root, epochs=1, name="plain", val_size=0))
    assert plain.history[0]["loss"] != run.history[0]["loss"]


def test_the_classes_kept_are_named(tiny):
    run = tfresnet.train(tiny(classes="triangle,circle", batch_size=8, val_size=None))
    assert "2 classes, images to train on: circle " in (run.path / "log.txt").read_text()


def test_a_model_of_other_classes_is_refused(root, no_pages):
    run = tfresnet.train(config(root, epochs=1))
    other = make_folder(root.parent / "other", {"": 10}, ("cat", "fox"))
    with pytest.raises(
        InputError, match=r"the classes of folder \(cat, fox\). Received: one of cat, d"
    ):
        tfresnet.evaluate(run.path, data_dir=other)


def test_a_picture_that_goes_while_it_is_trained_on_breaks_the_run_off(root, no_pages, monkeypatch):
    monkeypatch.setattr("tfresnet.data.folder.free_memory", lambda: 0)
    start = setup.start_run

    @contextmanager
    def start_and_lose_a_picture(*args):
        with start(*args) as run:
            (root / "train" / "cat" / "003.jpg").unlink()
            yield run

    monkeypatch.setattr(setup, "start_run", start_and_lose_a_picture)
    with pytest.raises(
        RunError, match=r"cat/003\.jpg \(No such file.*Go on with: python train\.py"
    ):
        tfresnet.train(config(root))
    with pytest.raises(InputError, match="continued on the same pictures alone"):
        tfresnet.train(resume=root.parent / "logs" / "run")


def test_pictures_may_have_moved_since(root, no_pages, monkeypatch):
    killed_after(2, config(root), monkeypatch)
    root.rename(root.parent / "moved")
    run = tfresnet.train(resume=root.parent / "logs" / "run", data_dir=root.parent / "moved")
    assert run.result["n"] == 10
    assert tfresnet.evaluate(run.path)["n"] == 10


def test_broken_pictures_are_skipped_by_a_resume_and_an_evaluation_too(root, no_pages, monkeypatch):
    (root / "train" / "cat" / "000.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="--skip-broken leaves them out"):
        tfresnet.train(config(root))
    assert not (root.parent / "logs").exists()
    killed_after(2, config(root, skip_broken=True), monkeypatch)
    run = tfresnet.train(resume=root.parent / "logs" / "run")
    assert tfresnet.evaluate(run.path)["n"] == 10
    with pytest.raises(InputError, match="--skip-broken"):
        tfresnet.evaluate(run.path / "model.keras", dataset="folder", data_dir=root)
    found = tfresnet.evaluate(
        run.path / "model.keras", dataset="folder", data_dir=root, skip_broken=True, split="train"
    )
    assert found["n"] == 35


def test_nothing_waits_for_what_is_not_needed(root, no_pages, monkeypatch):
    """Each picture is read once for the check, and at most once for the training: with one core a
    picture of the rest that makes no batch may not be read ahead."""
    reads = []
    read_one = picture_files.read
    monkeypatch.setattr(picture_files, "read", lambda *a: reads.append(a[0]) or read_one(*a))
    tfresnet.train(config(root))
    times = Counter(reads)
    assert len(times) == 50
    assert max(times.values()) == 2
    assert len(reads) > 90


def test_some_classes_in_training_and_evaluation(tiny):
    run = tfresnet.train(tiny(classes="3-5", val_size=None, batch_size=8))
    names = list(tfresnet.load_dataset("shapes10").class_names)
    assert list(run.result["per_class"]) == names[3:6]
    assert run.result["n"] == 18
    assert "97 images, 11 held out" in (run.path / "log.txt").read_text()
    assert tfresnet.evaluate(run.path)["confusion"] == run.result["confusion"]
    file = run.path / "model.keras"
    again = tfresnet.evaluate(file, dataset="shapes10", classes="3,4,5")
    assert again["confusion"] == run.result["confusion"]
    with pytest.raises(InputError, match=r"the model must know the classes of shapes10 \(circle"):
        tfresnet.evaluate(run.path, classes="0-2")


def test_flags_reach_the_settings(root):
    flags = ["--dataset", "folder", "--data-dir", str(root), "--image-size", "48", "--skip-broken"]
    settings = train_flags.parse([*flags, "--classes", "0-1"])["config"]
    assert (settings.image_size, settings.skip_broken, settings.classes) == (48, True, (0, 1))
    assert json.loads(json.dumps(settings.to_dict()))["val_size"] is None
    args = evaluate_flags.parse([str(root), "--classes", "0-1", "--skip-broken"])
    assert (args.classes, args.skip_broken) == ("0-1", True)
    assert set(setup.OPTIONS) == {"classes", "image_size", "skip_broken", "coarse_labels"}
