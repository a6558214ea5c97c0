"""The recorder of layer calls."""

import keras
import numpy as np
import pytest

from tfresnet.layers import ConvBN
from tfresnet.layers.recorder import record_calls, walk_calls

IMAGES = np.ones((1, 4, 4, 3), np.float32)


def test_calls_are_nested_in_their_order_and_keep_their_outputs():
    layer, after = ConvBN(2, 3), keras.layers.Flatten()
    layer.build(IMAGES.shape)
    with record_calls() as calls:
        maps = layer(IMAGES)
        flat = after(maps)
    after(maps)  # no longer recorded
    assert [call.layer for call in calls] == [layer, after]
    assert [call.layer for call in walk_calls(calls)] == [layer, layer.conv, layer.bn, after]
    assert calls[0].output is maps
    assert calls[1].output is flat


def test_a_call_that_fails_has_no_output_and_ends_the_recording():
    before = keras.Layer.__call__
    with pytest.raises(ValueError, match="incompatible"), record_calls() as calls:
        keras.layers.Conv2D(2, 3)(IMAGES[0])
    assert [call.output for call in calls] == [None]
    assert keras.Layer.__call__ is before
