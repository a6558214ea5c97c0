"""Folders of pictures: layouts, what is refused and how, what is kept of the first reading."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from support.picture_folders import make_folder, noise

from tfresnet import data
from tfresnet.data import folder, picture_files
from tfresnet.errors import InputError


@pytest.fixture
def root(tmp_path):
    """Where the test puts its pictures; nothing else is there."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def load(root, **options):
    return data.load_dataset("folder", root, **options)


def numbers(dataset):
    validation = dataset.validation
    return len(dataset.train), validation and len(validation), len(dataset.test)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"train": 5, "val": 3, "test": 4}, (10, 6, 8)),
        ({"train": 5, "test": 4}, (10, None, 8)),
        ({"train": 5, "val": 3}, (10, None, 6)),
        ({"train": 5}, (8, None, 2)),
        ({"": 5}, (8, None, 2)),
    ],
)
def test_layouts(parts, expected, root):
    dataset = load(make_folder(root, parts))
    assert numbers(dataset) == expected
    assert dataset.class_names == ("cat", "dog")
    assert dataset.image_shape == (64, 64, 3)
    for split in filter(None, (dataset.train, dataset.validation, dataset.test)):
        for file, label in zip(split.images.files, split.labels, strict=True):
            assert f"/{dataset.class_names[label]}/" in file
    used = [
        f for s in (dataset.train, dataset.validation, dataset.test) if s for f in s.images.files
    ]
    assert len(set(used)) == len(used) == 2 * sum(parts.values())


@pytest.mark.parametrize("name", ["valid", "validation", "Valid"])
def test_other_names_of_val(name, root):
    dataset = load(make_folder(root, {"train": 5, name: 3, "test": 4}))
    assert numbers(dataset) == (10, 6, 8)
    assert f"/{name}/" in dataset.validation.images.files[0]
    shutil.rmtree(root / "test")
    assert numbers(load(root)) == (10, None, 6)


def test_further_folders_with_the_classes(root):
    make_folder(root, {"train": 5, "valid": 3, "val": 3})
    refuses(root, r"one folder of val pictures. Received: val, valid in")
    shutil.rmtree(root / "val")
    (root / "notes").mkdir()
    assert numbers(load(root)) == (10, None, 6)
    make_folder(root, {"extra": 2})
    refuses(root, r"\(move other folders away\). Received: cat, dog in .*/extra$")


@pytest.mark.parametrize("names", [("train", "test"), ("train", "test1"), ("train",)])
def test_parts_without_class_folders_are_no_classes(names, root):
    for name in names:
        (root / name).mkdir()
        for number in range(4):
            noise(number, 20, 20).save(root / name / f"cat.{number}.png")
    (root / "trainLabels.csv").write_text("id,label\n")
    refuses(root, r"must hold a folder .*docs/data\.md.*Received: .*train/ with 0 class folders")


def test_pictures_without_a_class_are_counted(root, caplog):
    make_folder(root, {"train": 5})
    (root / "test").mkdir()
    for number in range(3):
        noise(number, 20, 20).save(root / "test" / f"{number}.png")
    noise(7, 20, 20).save(root / "train" / "stray.png")
    assert numbers(load(root)) == (8, None, 2)
    assert f"not used: 3 pictures without a class in {root / 'test'}" in caplog.text
    assert f"not used: 1 pictures without a class in {root / 'train'}" in caplog.text


def test_numbers_are_classes_in_natural_order(root):
    names = tuple(map(str, range(1, 12)))
    make_folder(root, {"": 3}, names)
    assert load(root).class_names == names
    assert load(root, classes="1-3").class_names == ("1", "2", "3")
    assert load(root, classes="11,2").class_names == ("2", "11")
    with pytest.raises(InputError, match="by name \\(1 to 11\\)"):
        load(root, classes="0-3")
    with pytest.raises(InputError):
        load(root, classes="0,1")


def test_the_test_pictures_are_the_same_for_every_seed_and_each_class_gives_its_share(root):
    make_folder(root, {"": 20})
    make_folder(root, {"": 5}, classes=("rare",))
    dataset = load(root)
    assert np.bincount(dataset.test.labels).tolist() == [4, 4, 1]
    assert list(load(root).test.images.files) == list(dataset.test.images.files)
    held_out = [set(dataset.holdout(None, seed)[1].images.files) for seed in (0, 0, 1)]
    assert held_out[0] == held_out[1] != held_out[2]
    assert not held_out[0] & set(dataset.test.images.files)


def test_a_class_may_be_called_train(root):
    assert load(make_folder(root, {"": 5}, ("bus", "train"))).class_names == ("bus", "train")


def test_size_of_the_images_and_statistics(root):
    for name, colour in (("a", (255, 0, 51)), ("b", (0, 0, 102))):
        (root / name).mkdir()
        for number in range(5):
            Image.new("RGB", (30, 20), colour).save(root / name / f"{number}.png")
    dataset = load(root, image_size=24)
    assert dataset.image_shape == (24, 24, 3)
    np.testing.assert_allclose(dataset.mean, (0.5, 0, 0.3), atol=1e-9)
    np.testing.assert_allclose(dataset.std, (0.5, 0.01, 0.1), atol=1e-4)


def test_pictures_are_read_for_the_first_time_once(root, keras_home, monkeypatch):
    make_folder(root / "d", {"": 5})
    first = load(root / "d")
    (index,) = (keras_home / "datasets" / "tfresnet").glob("folder-*.npy")
    with monkeypatch.context() as patch:
        patch.setattr(picture_files, "read", None)
        again = load(root / "d", image_size=16)
    assert (again.mean, again.std) == (first.mean, first.std)
    noise(99, 22, 19).save(first.train.images.files[0])
    assert load(root / "d").mean != first.mean
    index.write_bytes(b"")
    assert load(root / "d").mean != first.mean


def test_the_fingerprint_is_that_of_names_and_sizes(root):
    first = load(make_folder(root / "d", {"": 5})).fingerprint
    shutil.copytree(root / "d", root / "moved")
    assert load(root / "moved").fingerprint == first
    (root / "moved" / "cat" / "000.png").unlink()
    assert load(root / "moved").fingerprint != first


def test_long_first_readings_say_how_long(root, caplog, monkeypatch):
    monkeypatch.setattr(folder, "PATIENCE", 0)
    monkeypatch.setattr(folder, "TOGETHER", 4)
    load(make_folder(root, {"": 5}))
    assert "8 of 10 pictures read for the first time, 0 s left" in caplog.text


def test_names_in_chinese_with_spaces_and_of_any_case(root):
    make_folder(root, {"": 5}, ("玫瑰 花", "My Dogs"))
    (root / "玫瑰 花" / "000.png").rename(root / "玫瑰 花" / "照片 一.PNG")
    dataset = load(root)
    assert dataset.class_names == ("My Dogs", "玫瑰 花")
    assert dataset.train.images[:].shape == (8, 64, 64, 3)


def test_hidden_files_and_others_are_passed_over(root, caplog):
    make_folder(root, {"train": 5, "test": 2})
    for name in (".DS_Store", "._000.png", "Thumbs.db", "notes.txt"):
        (root / "train" / "cat" / name).write_text("no picture")
    for name in (".cache", "__MACOSX", "train/.hidden", "train/__MACOSX"):
        (root / name).mkdir()
    (root / "train" / "list.txt").write_text("")
    assert numbers(load(root)) == (10, None, 4)
    assert "skipping 2 files in " in caplog.text


def refuses(root, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        load(root, **options)
    assert "\n" not in str(caught.value)


def test_no_folder(root):
    refuses(None, "data_dir must be given for dataset folder")
    refuses(root / "no", r"data_dir must be a folder of pictures. Received: .*/no ")
    (root / "file").write_text("")
    refuses(root / "file", "data_dir must be a folder of pictures")


def test_an_empty_folder(root):
    refuses(root, r"each of two classes or more.*Received: .* with 0 \(\)")


def test_one_class(root):
    make_folder(root, {"train": 3, "test": 3}, ("cat",))
    refuses(root, r"Received: .*/train with 1 \(cat\)")


def test_a_class_without_pictures(root):
    make_folder(root, {"train": 3, "test": 3})
    (root / "train" / "fox").mkdir()
    refuses(root, r"each class must have a picture to train on. Received: none in .*/train/fox$")


def test_no_picture_at_all(root):
    make_folder(root, {"": 0})
    refuses(root, "data_dir must hold pictures. Received: none in")


def test_no_picture_to_test_on(root):
    refuses(make_folder(root / "a", {"": 1}), "must hold 3 pictures or more. Received: 2")
    refuses(make_folder(root / "b", {"train": 2, "val": 0}), "must hold pictures. Received: none")


def test_a_class_in_val_that_train_has_not(root):
    make_folder(root, {"train": 3, "val": 3})
    make_folder(root, {"val": 3}, ("fox",))
    refuses(root, r"val/ must have no classes but those of train/. Received: fox in")


def test_a_class_that_val_has_not_is_no_error(root):
    make_folder(root, {"train": 3, "val": 3})
    make_folder(root, {"train": 3}, ("fox",))
    assert load(root).num_classes == 3


def test_broken_pictures_are_named_or_skipped_with_a_count(root, caplog):
    make_folder(root, {"train": 5, "test": 3})
    (root / "train" / "cat" / "002.png").write_text("no picture")
    whole = (root / "test" / "dog" / "001.png").read_bytes()
    (root / "test" / "dog" / "001.png").write_bytes(whole[: len(whole) // 2])
    refuses(root, r"cat/002\.png \(no such content\), and 1 more \(--skip-broken leaves them")
    dataset = load(root, skip_broken=True)
    assert numbers(dataset) == (9, None, 5)
    assert "2 broken pictures skipped" in caplog.text
    dataset.train.images[:]


def test_a_class_of_broken_pictures_alone(root):
    make_folder(root, {"": 3})
    for file in (root / "cat").iterdir():
        file.write_bytes(b"")
    refuses(root, r"to train on. Received: none in .*/cat$", skip_broken=True)


def test_a_picture_over_the_stated_size(root):
    make_folder(root, {"": 3})
    Image.new("1", (8001, 8000)).save(root / "cat" / "large.png")
    refuses(root, r"large\.png \(8001x8000, and more than 64,000,000 pixels are not read\)")


def test_loops_of_symbolic_links_end(root):
    make_folder(root, {"": 3})
    (root / "cat" / "again").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    assert numbers(load(root)) == (5, None, 1)
    (root / "cat" / "loop.png").symlink_to(root / "cat" / "loop.png")
    refuses(root, r"loop\.png \(Too many levels of symbolic links\)")
    (root / "cat" / "loop.png").unlink()
    (root / "up").symlink_to(root)
    refuses(root, r"must have a picture to train on. Received: none in .*/up$")


def test_links_to_pictures_and_classes_are_followed(root):
    make_folder(root / "real", {"": 5})
    (root / "linked").mkdir()
    for name in ("cat", "dog"):
        (root / "linked" / name).symlink_to(root / "real" / name)
    assert numbers(load(root / "linked")) == (8, None, 2)


def test_a_class_whose_name_is_no_text(root):
    make_folder(root, {"": 3})
    os.mkdir(os.fsencode(root) + b"/\xff")
    refuses(root, "the name of a class must be text")


def test_a_file_whose_name_is_no_text(root):
    make_folder(root, {"": 5})
    path = os.fsencode(root / "cat") + b"/\xff.png"
    shutil.copy(root / "cat" / "000.png", os.fsdecode(path))
    assert numbers(load(root)) == (9, None, 2)


def test_options_of_folders_are_refused_elsewhere():
    for options in ({"image_size": 24}, {"skip_broken": True}):
        with pytest.raises(InputError, match=r"needs dataset folder. Received: .* with shapes10"):
            data.load_dataset("shapes10", **options)


def test_some_classes_of_a_folder(root):
    dataset = load(make_folder(root, {"train": 5, "test": 2}, "abc"), classes="0,2")
    assert dataset.class_names == ("a", "c")
    assert dataset.train.labels.tolist() == [0] * 5 + [1] * 5
    assert all("/c/" in file for file in dataset.test.images.files[2:])
