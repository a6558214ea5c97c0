"""The studies on cases whose outcome is known."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet.complexity import structure_only
from tfresnet.data import Split
from tfresnet.experiments import (
    batchnorm,
    cam,
    degradation,
    depth,
    gradients,
    inception,
    lesion,
    paths,
    responses,
    transfer,
)
from tfresnet.experiments.engine.units import UnitChain
from tfresnet.layers import Preprocessing
from tfresnet.training.step import cross_entropy

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype(np.float32)
LABELS = np.arange(6, dtype=np.int32)


def network(name="resnet8", **options):
    """With normalisations that are not what they began as, as after a training."""
    keras.utils.set_random_seed(0)
    scale = Preprocessing((0.5,) * 3, (0.25,) * 3, tuple("abcdefghij"))
    shape = {"num_classes": 10, "input_shape": (16, 16, 3), "preprocessing": scale}
    model = tfresnet.create_model(name, **shape, **options)
    random = np.random.default_rng(1)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(random.normal(0, 0.2, weight.shape))
    return model


def logits(cut, deleted=()):
    kept = np.ones(len(cut.units), np.float32)
    kept[list(deleted)] = 0
    return cut.with_branches(tf.constant(PIXELS), tf.constant(kept)).numpy()


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet8", {}), ("resnet8", {"shortcut": "C"}), ("plain20", {}), ("wrn16_2", {})],
)
def test_whole_the_cut_network_is_the_network(name, options):
    model = network(name, **options)
    cut = UnitChain(model)
    np.testing.assert_allclose(logits(cut), model(PIXELS), rtol=1e-4, atol=1e-4)


def test_a_unit_whose_branch_is_zero_is_unchanged_by_its_deletion():
    cut = UnitChain(network())
    before = logits(cut)
    assert np.abs(logits(cut, [1]) - before).max() > 1e-3
    cut.units[1].bn2.gamma.assign(tf.zeros_like(cut.units[1].bn2.gamma))
    cut.units[1].bn2.beta.assign(tf.zeros_like(cut.units[1].bn2.beta))
    np.testing.assert_array_equal(logits(cut, [1]), logits(cut))


def test_a_deleted_plain_unit_hands_its_input_on():
    model = network("plain20")
    cut = UnitChain(model)
    assert cut.shape_changers == [3, 6]
    x = keras.Model(model.input, cut.units[0].input)(PIXELS)  # without any unit
    x = np.pad(x[:, ::4, ::4], [(0, 0)] * 3 + [(0, 48)])
    head = keras.Model(cut.units[-1].output, model.output)
    np.testing.assert_allclose(logits(cut, range(9)), head(x), rtol=1e-4, atol=1e-4)


def test_a_pair_that_is_put_back_gives_the_same_output():
    cut = UnitChain(network("resnet20"))
    assert cut.stages == [[0, 1, 2], [4, 5], [7, 8]]
    before = logits(cut)
    cut.swap(1, 2)
    assert np.abs(logits(cut) - before).max() > 1e-3
    cut.swap(1, 2)
    np.testing.assert_array_equal(logits(cut), before)
    lesion.error_after_exchanges(cut, (PIXELS, LABELS), k=3, draw=0)
    np.testing.assert_array_equal(logits(cut), before)


def test_a_lesion_of_a_weak_network_decides_nothing():
    weak = {"plain": True, "whole": 90.0, "one_deleted": [90.0, 89.0]}
    good = {"plain": True, "whole": 10.0, "one_deleted": [85.0, 90.0]}
    verdicts = [lesion.verdict({"images": 9, "networks": {"n": one}})[0] for one in (weak, good)]
    assert verdicts == ["undecided", "holds"]


def gradient(cut, branches, shortcuts):
    gates = (tf.constant(gate, tf.float32) for gate in (branches, shortcuts))
    return paths.input_gradient(cut, tf.constant(PIXELS), tf.constant(LABELS), *gates).numpy()


def test_all_branches_kept_give_the_true_gradient():
    model = network()
    with tf.GradientTape() as tape:
        images = tf.constant(PIXELS)
        tape.watch(images)
        loss = len(PIXELS) * cross_entropy(LABELS, model(images))
    n = len(UnitChain(model).units)
    found = gradient(UnitChain(model), [1] * n, [1] * n)
    np.testing.assert_allclose(found, tape.gradient(loss, images), rtol=1e-3, atol=1e-6)


def test_the_gradients_of_all_paths_add_up_to_the_true_one():
    cut = UnitChain(network())
    all_paths = itertools.product((0, 1), repeat=3)
    total = sum(gradient(cut, path, [1 - gate for gate in path]) for path in all_paths)
    np.testing.assert_allclose(total, gradient(cut, [1] * 3, [1] * 3), rtol=1e-3, atol=1e-6)


def test_the_share_of_each_length_is_number_times_gradient():
    shares = paths.shares(3, {"0": [8.0], "1": [4.0], "2": [2.0], "3": [1.0]})
    np.testing.assert_allclose(shares, np.array([8, 12, 6, 1]) / 27)


@pytest.mark.parametrize("name", ["nin", "resnet8"])
def test_the_mean_of_a_class_map_is_the_logit_less_its_offset(name):
    model = network(name)
    maps, offsets = cam.class_maps(model, PIXELS)
    assert maps.shape[-1] == 10
    np.testing.assert_allclose(
        maps.mean(axis=(1, 2)) + offsets, model(PIXELS), rtol=1e-3, atol=1e-3
    )


def test_class_maps_need_a_global_mean():
    with pytest.raises(tfresnet.InputError, match=r"the classes\. Received: resnet8"):
        cam.class_maps(network(include_top=False), PIXELS)


def test_the_marked_quarter_is_covered():
    marks = np.arange(256.0).reshape(1, 16, 16)
    covered = cam._hide_quarter(PIXELS[:1], marks)
    np.testing.assert_array_equal(covered[0, :12], PIXELS[0, :12])
    np.testing.assert_allclose(covered[0, 12:], np.broadcast_to(PIXELS[0].mean((0, 1)), (4, 16, 3)))


def test_the_formulas_of_the_lecture_are_the_layer():
    maps = np.random.default_rng(0).normal(1, 2, (5, 4, 3, 3, 6)).astype(np.float32)
    assert max(batchnorm.differences(maps).values()) < 1e-5


def test_steps_to_an_error_are_read_off_between_epochs():
    assert batchnorm._steps_to(50, [70, 40, 45], [100, 200, 300]) == round(100 + 100 * 2 / 3)
    assert batchnorm._steps_to(30, [70, 40, 45], [100, 200, 300]) is None


def test_degradation_holds_only_if_both_orders_are_right():
    def judged(**last):
        errors = {name: {"training": [90, error]} for name, error in last.items()}
        return degradation.verdict({"error_by_epoch": errors})[0]

    assert judged(plain20=14, plain56=20, resnet20=12, resnet56=10) == "holds"
    assert judged(plain20=14, plain56=14.1, resnet20=12, resnet56=10) == "undecided"
    assert judged(plain20=20, plain56=14, resnet20=12, resnet56=10) == "fails"
    assert judged(plain20=14, plain56=20, resnet20=10, resnet56=12) == "fails"


def test_depth_compares_equal_costs():
    errors = {"resnet20": 13.0, "resnet32": 12.0, "resnet44": 11.5, "resnet56": 11.0}
    judged = depth.verdict(
        {"test_error_with_bar": {n: [e, 1] for n, e in errors.items()} | {"wrn16_2": [9.0, 1]}}
    )
    assert judged[0] == "holds"


def test_transfer_holds_only_if_each_way_is_above_scratch():
    def judged(**accuracy):
        columns = {"accuracy_deviation": 1.0, "seconds": 9.0, "seconds_deviation": 0.1, "seeds": 3}
        accuracy |= {"scratch": 60.0, "pretraining": 90.0}
        return transfer.verdict(
            {"table": {k: columns | {"accuracy": v} for k, v in accuracy.items()}}
        )

    assert judged(all=75.0, last=72.0, head=70.0)[0] == "holds"
    assert "head above scratch: within the error bars" in judged(all=75.0, last=72.0, head=61.0)[1]
    assert judged(all=75.0, last=72.0, head=61.0)[0] == "undecided"
    assert judged(all=75.0, last=72.0, head=50.0)[0] == "fails"


def test_transfer_has_a_row_for_each_way_with_its_deviation():
    def run(test_error, seconds):
        result = {"epoch_seconds": [seconds, seconds / 4, seconds / 4, 999, seconds / 4]}
        return SimpleNamespace(test_error=test_error, result=result, curve=lambda column: [50, 40])

    runs = {
        f"{way}, {n}": run(30 - n, 1 + n)
        for way in ("pretraining", *transfer.RATES)
        for n in (0, 2)
    }
    row = transfer.measure(runs)["table"]["head"]
    assert row == {
        "seeds": 2,
        "accuracy": 71,
        "accuracy_deviation": pytest.approx(2**0.5, abs=0.01),
        "seconds": 4,
        "seconds_deviation": pytest.approx(8**0.5, abs=0.01),
    }


def test_widening_before_pooling_costs_four_times_as_much():
    cost = {
        way: inception._cost(inception._grid(way))[1]
        for way in ("pool, then widen", "widen, then pool")
    }
    assert cost["widen, then pool"] / cost["pool, then widen"] == pytest.approx((35 / 17) ** 2)


def test_the_response_of_a_zero_branch_is_zero_and_the_first_layer_is_its_normalisation():
    model = network()
    unit = UnitChain(model).units[1]
    unit.bn2.gamma.assign(tf.zeros_like(unit.bn2.gamma))
    unit.bn2.beta.assign(tf.zeros_like(unit.bn2.beta))
    images = Split(PIXELS.astype(np.uint8), LABELS)
    found = responses.deviations(SimpleNamespace(model=model, held_out=lambda n: images))
    assert len(found) == 6
    assert found[3] == 0
    stem = keras.Model(model.input, model.get_layer("conv1").output)(PIXELS)
    first = UnitChain(model).units[0]
    assert found[0] == pytest.approx(np.std(first.bn1(first.conv1(stem))), abs=1e-4)


def test_where_units_normalise_first_every_convolution_of_a_branch_has_a_response():
    model = network("wrn16_2")
    images = Split(PIXELS.astype(np.uint8), LABELS)
    found = responses.deviations(SimpleNamespace(model=model, held_out=lambda n: images))
    stem = keras.Model(model.input, model.get_layer("conv1").output)(PIXELS)
    first = UnitChain(model).units[0]
    inside = first.bn2(first.conv1(first.fork(stem)[0]))
    assert len(found) == 2 * len(UnitChain(model).units)
    assert found[:2] == pytest.approx(
        [np.std(inside), np.std(first.conv2(tf.nn.relu(inside)))], abs=1e-3
    )


def test_the_norms_of_the_stages_are_those_of_the_whole_gradient():
    model = network()
    data = SimpleNamespace(
        train=Split(np.tile(PIXELS, (32, 1, 1, 1)).astype(np.uint8), np.tile(LABELS, 32))
    )
    found = gradients.norms(model, data)
    assert [*found] == ["conv1", "conv2", "conv3", "conv4", "predictions"]
    with tf.GradientTape() as tape:
        logits = model(data.train.images[:64], training=True)
        loss = cross_entropy(data.train.labels[:64], logits)
    whole = float(tf.linalg.global_norm(tape.gradient(loss, model.trainable_variables)))
    assert sum(values[0] ** 2 for values in found.values()) == pytest.approx(whole**2, rel=1e-3)
    assert gradients.first_to_last({"conv1": [9], "conv2": [100], "conv3": [3], "conv4": [1]}) == 2


def test_two_3x3_cost_28_percent_less_than_a_5x5_of_their_width():
    with structure_only():
        costs = {
            k: inception._cost(tfresnet.create_model("inception3", module=k))
            for k in inception.KINDS
        }
    stem, normalisation, head = 9 * 3 * 32, 2 * 32, 32 * 10 + 10
    five = costs["5x5"][0] - stem - 4 * normalisation - head
    two = costs["two3x3"][0] - stem - 7 * normalisation - head
    assert (five, two) == (3 * 25 * 32 * 32, 3 * 18 * 32 * 32)
    assert costs["two3x3"] == costs["linear3x3"]
    assert costs["reduced"][0] < costs["naive"][0]
