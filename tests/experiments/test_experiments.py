"""The studies: what they run, what they write, and what happens when they are run again."""

import csv
import re
from types import SimpleNamespace

import pytest

import tfresnet
from tfresnet.experiments import short_training
from tfresnet.experiments.__main__ import STUDIES, main


def test_help_names_every_study(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in STUDIES)


def test_an_unknown_study_is_answered_in_one_line(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["no-such-study"])
    assert exit_.value.code == 2
    assert re.fullmatch(r".*error: .*'no-such-study'.*\n", capsys.readouterr().err)


def test_image_sizes(capsys):
    rows = main(["image-sizes", "--sizes", "32", "40"])
    found = {(name, image): outcome for name, image, outcome in rows}
    for name in ("nin", "googlenet", "resnet18"):
        outcomes = {found[name, size] for size in ("32x32", "40x40")}
        assert len(outcomes) == 1
        assert outcomes.pop().startswith("logits (1, 10) from the same ")
    for name in ("alexnet", "vgg19"):
        assert f"the dense layers of {name} are made for one size" in found[name, "any"]
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)


@pytest.fixture
def trainings(monkeypatch):
    """The calls of `train`, which are answered at once by a made-up run."""
    calls = []

    def train(config=None, *, resume=None):
        calls.append(config or resume)
        history = [{"loss": 2.0, "val_top1": 0.2}, {"loss": 1.5, "val_top1": 0.35}]
        model = SimpleNamespace(count_params=lambda: 966_986)
        return SimpleNamespace(history=history, model=model)

    monkeypatch.setattr(tfresnet, "train", train)
    return calls


def test_short_training_writes_a_row_a_network_and_resumes(trainings, tmp_path):
    flags = ["short-training", "--output-dir", str(tmp_path), "--models"]
    main([*flags, "nin"])
    (config,) = trainings
    assert (config.model, config.train_size, config.epochs) == ("nin", 10_000, 3)
    assert (config.output_dir, config.name) == (str(tmp_path / "runs"), "nin")
    (tmp_path / "runs" / "resnet18d").mkdir(parents=True)  # interrupted before
    main([*flags, "nin", "resnet18d"])
    assert trainings[1:] == [tmp_path / "runs" / "resnet18d"]
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["nin", "resnet18d"]
    assert (rows[0]["first_loss"], rows[0]["val_top1"]) == ("2.0", "0.35")
    table = (tmp_path / "table.md").read_text()
    assert "| nin | 966,986 | 0.22 G | 10,000 | 2.000 | 1.500 | 35.00 % | yes |" in table


def test_short_training_gives_fewer_images_to_what_costs_much(trainings, tmp_path):
    main(["short-training", "--output-dir", str(tmp_path), "--models", "wrn28_10"])
    assert [config.train_size for config in trainings] == [2_500]
    assert "| wrn28_10 | 966,986 | 5.24 G | 2,500 |" in (tmp_path / "table.md").read_text()


def test_short_training_covers_every_network_of_the_issue():
    known = set(tfresnet.list_models())
    assert set(short_training.MODELS) <= known
    originals = {name for name in known if re.fullmatch(r"(resnet|plain)\d+", name)}
    assert set(short_training.MODELS) == known - originals


@pytest.mark.parametrize(
    ("last_loss", "top1", "learns"), [(1.9, 0.31, True), (2.0, 0.31, False), (1.9, 0.30, False)]
)
def test_what_counts_as_learning(last_loss, top1, learns):
    row = short_training.Row("nin", 1, 1, 1, 2.0, last_loss, top1)
    assert row.learns is learns


def test_a_foreign_table_is_not_overwritten(tmp_path, trainings):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(tfresnet.InputError, match=r"table.* Received: .*table\.csv"):
        main(["short-training", "--output-dir", str(tmp_path), "--models", "nin"])
    assert (tmp_path / "table.csv").read_text() == "a,b\n1,2\n"
