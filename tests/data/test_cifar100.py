"""CIFAR-100 in all its published forms, read as strictly as CIFAR-10."""

import hashlib
import pickle

import numpy as np
import pytest
from support.fake_cifar10 import ROWS, FakeCifar100, write_archive, write_folder

import tfresnet
from tfresnet.data import cifar10_files, cifar100
from tfresnet.errors import InputError
from tfresnet.training import flags

PYTHON, BINARY = "cifar-100-python", "cifar-100-binary"
FORMS = {
    "python archive": (f"{PYTHON}.tar.gz", PYTHON),
    "python archive, unpacked by Safari": (f"{PYTHON}.tar", PYTHON),
    "python folder": (PYTHON, None),
    "binary archive": (f"{BINARY}.tar.gz", BINARY),
    "binary folder": (BINARY, None),
    "binary folder itself": ("", None),
}


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(cifar10_files, "ROWS", ROWS)
    return FakeCifar100()


def write(form, directory, fake):
    place, folder = FORMS[form]
    contents = fake.binaries() if form.startswith("binary") else fake.pickles()
    if folder:
        write_archive(directory / place, folder, contents)
    else:
        write_folder(directory / place, contents)


@pytest.mark.parametrize("form", FORMS)
def test_every_published_form_is_read_alike(form, fake, tmp_path):
    write(form, tmp_path, fake)
    fine, coarse = cifar100.load(tmp_path), cifar100.load(tmp_path, coarse_labels=True)
    for data, column, classes in ((fine, 1, 100), (coarse, 0, 20)):
        labels = np.concatenate([data.train.labels, data.test.labels])
        np.testing.assert_array_equal(labels, fake.rows[:, column])
        images = np.concatenate([data.train.images, data.test.images]).reshape(-1, 3072)
        np.testing.assert_array_equal(images, fake.rows[:, 2:])
        assert len(data.test) == ROWS
        assert len({*data.class_names}) == data.num_classes == classes
    assert (fine.class_names[0], fine.class_names[99]) == ("apple", "worm")


def test_the_class_names_are_those_of_others(fake, tmp_path):
    """As the wheel of mmpretrain 1.2.0 lists them, in mmpretrain/datasets/categories.py."""
    write("binary folder", tmp_path, fake)
    names = "\n".join(cifar100.load(tmp_path).class_names)
    known = "fbe8ad23bbaf24969898a386833b49c3aaf6ad1119d43f7b41cdea1b3416d578"
    assert hashlib.sha256(names.encode()).hexdigest() == known
    groups = cifar100.load(tmp_path, coarse_labels=True).class_names
    assert list(groups) == sorted(groups)  # as in the set's own `meta`


def test_it_stands_beside_cifar_10_in_the_cache_of_keras(fake, keras_home):
    place = keras_home / "datasets" / "cifar-100-python-target_archive"
    write_archive(place, PYTHON, fake.pickles())
    assert len(cifar100.load().train) == 5 * ROWS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({b"fine_labels": [100] * ROWS}, "test must hold labels 0 to 99, has 100 to 100"),
        ({b"coarse_labels": [20] * ROWS}, "test must hold labels 0 to 19"),
        ({b"coarse_labels": [0]}, f"test must hold {ROWS} integer labels"),
        ({b"data": np.zeros((1, 3072), "u1")}, "test must hold uint8"),
        ({b"fine_labels": "x"}, "fine_labels must be a list or an array of integers"),
    ],
)
def test_what_is_not_cifar_100_is_one_line(change, says, fake, tmp_path):
    contents = fake.pickles()
    contents["test"] = pickle.dumps(pickle.loads(contents["test"]) | change, protocol=2)
    write_folder(tmp_path / PYTHON, contents)
    with pytest.raises(InputError, match="must be the whole of CIFAR-100") as caught:
        cifar100.load(tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    del contents["train"]
    write_archive(tmp_path / "other" / f"{PYTHON}.tar.gz", PYTHON, contents)
    with pytest.raises(InputError, match="whole of CIFAR-100"):
        cifar100.load(tmp_path / "other")


def test_an_option_is_for_its_own_data_set_only(fake, tmp_path):
    with pytest.raises(InputError, match=r"coarse_labels needs dataset cifar100\. Received: True"):
        tfresnet.load_dataset("shapes10", coarse_labels=True)
    with pytest.raises(InputError, match=r"image_size needs dataset folder\. Received: 9"):
        tfresnet.load_dataset("cifar100", tmp_path, image_size=9)
    with pytest.raises(InputError, match=r"data_dir must be one of cifar-100-python\.tar"):
        cifar100.load(tmp_path)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_run_of_it(coarse, fake, tiny, tmp_path, small_model):
    write("python archive", tmp_path, fake)
    settings = {"dataset": "cifar100", "data_dir": str(tmp_path), "coarse_labels": coarse}
    run = tfresnet.train(tiny(**settings, val_size=20, batch_size=20))
    classes = 20 if coarse else 100
    assert len(run.result["per_class"]) == classes
    assert tfresnet.evaluate(run.path)["top1"] == pytest.approx(run.result["top1"])
    typed = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()][:2]
    parsed = flags.parse([*typed, *["--coarse-labels"] * coarse])["config"]
    assert parsed.coarse_labels is coarse
