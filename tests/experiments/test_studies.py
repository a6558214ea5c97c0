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
    identity,
    inception,
    lesion,
    paths,
    responses,
    transfer,
    variants,
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


def lesions(**costs):
    """One network for each keyword: error when whole, and cost of each deletion, by seed."""
    return {
        name: {
            str(seed): {"plain": name == "plain", "whole": whole, "one_deleted": [whole + cost] * 9}
            for seed, cost in enumerate(values)
        }
        for name, (whole, values) in costs.items()
    }


@pytest.mark.parametrize(
    ("plain", "residual", "verdict"),
    [
        ((14.0, (70, 71)), (13.0, (9, 10)), "holds"),
        ((14.0, (9, 10)), (13.0, (70, 71)), "fails"),
        ((14.0, (70,)), (13.0, (9,)), "undecided"),
        ((40.0, (50, 51)), (13.0, (9, 10)), "undecided"),  # too weak to lose anything
    ],
)
def test_lesions_are_compared_at_equal_depth_between_good_networks(plain, residual, verdict):
    networks = lesions(plain=plain, residual=residual)
    assert lesion.verdict({"networks": networks})[0] == verdict


def test_a_weak_network_does_not_keep_the_good_ones_from_a_verdict():
    networks = lesions(plain=(14.0, (70, 71)), residual=(13.0, (9, 10)))
    (deep,) = lesions(plain=(60.0, (20, 21))).values()
    verdict, why = lesion.verdict({"networks": networks | {"plain56": deep}})
    assert verdict == "holds"
    assert "not judged: plain56, which has more than 30 % error when whole" in why


def test_a_network_without_a_twin_of_its_depth_decides_nothing():
    networks = lesions(residual=(13.0, (9, 10)))
    assert lesion.verdict({"networks": networks})[0] == "undecided"


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


def test_a_map_is_judged_against_the_centre_and_another_image():
    def judged(centre, other):
        more = {"centre": [centre, 0.05], "other": [other, 0.05]}
        lost = {"own": 0.5, "centre": 0.3, "other": 0.3, "least": 0.0}
        found = {"lost": lost, "own_costs_more_than": more}
        return cam.verdict({"networks": {"nin": {"0": found}}})[0]

    assert judged(0.1, 0.2) == "holds"
    assert judged(0.04, 0.2) == "undecided"
    assert judged(0.1, -0.2) == "fails"
    marks = cam._centre(np.zeros((2, 8, 8)))
    covered = cam._hide_quarter(np.ones((2, 8, 8, 3)) * np.arange(3) + marks[..., None], marks)
    assert (covered[0, 2:6, 2:6].std(axis=(0, 1)) < 1e-9).all()


def test_the_formulas_of_the_lecture_are_the_layer():
    maps = np.random.default_rng(0).normal(1, 2, (5, 4, 3, 3, 6)).astype(np.float32)
    assert max(batchnorm.differences(maps).values()) < 1e-5


def test_steps_to_an_error_are_read_off_between_epochs():
    assert batchnorm._steps_to(50, [70, 40, 45], [100, 200, 300]) == round(100 + 100 * 2 / 3)
    assert batchnorm._steps_to(80, [70, 40, 45], [100, 200, 300]) == 50


def test_networks_that_are_equal_but_for_chance_need_as_many_steps():
    """The target favours none: each network is the first as often as the other."""
    chance = np.random.default_rng(0)

    class Run:
        def __init__(self):
            self.curves = {"val_top1": [*(90 - 5 * np.arange(10) + chance.normal(0, 2, 10))]}
            self.curves["step"] = [*range(100, 1100, 100)]

        def curve(self, name):
            return self.curves[name]

    found = batchnorm.measure(
        {name: {n: Run() for n in range(400)} for name in ("with", "without")}
    )
    steps = {name: np.array([*seeds.values()]) for name, seeds in found["steps"].items()}
    gained = steps["without"] - steps["with"]
    assert (gained > 0).any()
    assert (gained < 0).any()
    assert abs(gained.mean()) < 2 * gained.std() / 20


def test_degradation_holds_only_if_both_orders_are_right():
    def judged(**last):
        errors = {
            name: {"training": {str(seed): [90, error + seed] for seed in range(2)}}
            for name, error in last.items()
        }
        return degradation.verdict({"error_by_epoch": errors})[0]

    assert judged(plain20=14, plain56=20, resnet20=12, resnet56=10) == "holds"
    assert judged(plain20=14, plain56=14, resnet20=12, resnet56=10) == "undecided"
    assert judged(plain20=20, plain56=14, resnet20=12, resnet56=10) == "fails"
    assert judged(plain20=14, plain56=20, resnet20=10, resnet56=12) == "fails"


def test_depth_compares_equal_costs():
    errors = {
        "resnet20": 13.0,
        "resnet32": 12.0,
        "resnet44": 11.5,
        "resnet56": 11.0,
        "wrn16_2": 9.0,
    }
    seeds = {name: {"0": error, "1": error + 0.2} for name, error in errors.items()}
    assert depth.verdict({"test_error": seeds})[0] == "holds"


def test_transfer_holds_only_if_each_way_is_above_scratch():
    def judged(**accuracy):
        accuracy |= {"scratch": (60, 61), "pretraining": (90, 90)}
        seeds = {
            way: dict(zip("01", map(float, values), strict=True))
            for way, values in accuracy.items()
        }
        return transfer.verdict({"accuracy": seeds, "seconds": seeds})[0]

    assert judged(all=(75, 76), last=(72, 73), head=(70, 71)) == "holds"
    assert judged(all=(75, 76), last=(72, 73), head=(70, 61)) == "undecided"
    assert judged(all=(75, 76), last=(72, 73), head=(50, 51)) == "fails"


def test_transfer_counts_the_first_epoch_as_it_is():
    def run(test_error, seconds):
        result = {"epoch_seconds": [seconds, seconds / 4, seconds / 4, 999, seconds / 4]}
        return SimpleNamespace(test_error=test_error, result=result, curve=lambda column: [50, 40])

    runs = {way: {n: run(30 - n, 1 + n) for n in (0, 2)} for way in transfer.RUNS}
    measured = transfer.measure(runs)
    assert measured["accuracy"]["head"] == {"0": 70, "2": 72}
    assert measured["seconds"]["head"] == {"0": 2, "2": 6}


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
    assert sum(value**2 for value in found.values()) == pytest.approx(whole**2, rel=1e-3)
    assert gradients.first_to_last({"conv1": 9, "conv2": 100, "conv3": 3, "conv4": 1}) == 2


def test_a_toy_of_few_layers_learns_the_identity():
    begin, end = (identity.learn_identity(2, True, seed=0, steps=n) for n in (1, 300))
    assert end < begin / 2


def test_variants_share_the_runs_of_a_group_and_have_a_panel_each():
    labels = ["inputs: z-score", "inputs: min-max", "kernels: 3x3"]
    measured = {
        f"{kind}_error": {label: {"0": 40.0} for label in labels} for kind in ("training", "test")
    }
    assert len(variants.figures(measured, {})["error.png"].axes) == 2
    assert variants.verdict(measured)[0] == "unjudged"


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
