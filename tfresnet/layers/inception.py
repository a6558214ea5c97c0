"""The Inception module: convolutions of several sizes side by side on one input.

Sources: Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, Fig. 2; Szegedy et al., 2015,
https://arxiv.org/abs/1512.00567, Fig. 5, 6, 7 and 10.
"""

import keras
from keras import ops

from tfresnet.errors import InputError
from tfresnet.layers.convolution import ConvBN
from tfresnet.layers.pooling import pool2d

_POOL_SIZE = 3


@keras.saving.register_keras_serializable(package="tfresnet")
class InceptionModule(keras.layers.Layer):
    """Branches over the same input, concatenated along the channels.

    A branch is a sequence of steps. A step is `(filters, kernel size)` for a `ConvBN`, `"max"` or
    `"average"` for a 3x3 pooling, or a list of steps that run side by side. Sublayers are named
    `conv3x3_1`, `conv3x3_2`, or side by side `conv3x3_2a`, `conv3x3_2b`. For GoogLeNet's Fig. 2b:

        {"conv1x1": [(64, 1)], "conv3x3": [(96, 1), (128, 3)],
         "conv5x5": [(16, 1), (32, 5)], "pool": ["max", (32, 1)]}

    Args:
        branches: branch name -> steps, in the order of the concatenation.
        strides, padding: of the last step of every branch. 2 and "valid" reduce the grid with
            pooling and convolution in parallel (Fig. 10 of the second paper).
        use_bn, scale, epsilon: of every `ConvBN`.

    Shapes: `(batch, height, width, channels)` to `(batch, height', width', sum of the branches'
    channels)`; the sides are those of a 3x3 pooling with these strides and padding.

    Raises:
        InputError: no branches, an empty branch, or an unknown form of step.
    """

    def __init__(
        self,
        branches: dict[str, list],
        strides: int = 1,
        padding: str = "same",
        use_bn: bool = True,
        scale: bool = True,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not branches or not all(branches.values()):
            raise InputError(f"every branch must have a step. Received: {branches}")
        self.branches = branches
        self.strides = strides
        self.padding = padding
        self.use_bn = use_bn
        self.scale = scale
        self.epsilon = epsilon
        self.steps = {}
        self._names = []
        for name, steps in branches.items():
            numbered = [(f"{name}_{number}", step) for number, step in enumerate(steps, start=1)]
            last, _ = numbered[-1]
            self._names.append([self._make_step(step, n, n == last) for n, step in numbered])

    def _make_step(self, step, name, last):
        """Makes the layers of one step and returns their names, several if side by side."""
        if _is_side_by_side(step):
            lettered = zip("abcdefgh", step, strict=False)
            return [self._make_step(one, name + letter, last)[0] for letter, one in lettered]
        strides, padding = (self.strides, self.padding) if last else (1, "same")
        options = {"padding": padding, "dtype": self.dtype_policy, "name": name}
        if isinstance(step, str):
            self.steps[name] = pool2d(step, _POOL_SIZE, strides, **options)
        else:
            options |= {"use_bn": self.use_bn, "scale": self.scale, "epsilon": self.epsilon}
            self.steps[name] = ConvBN(*step, strides, **options)
        return [name]

    def build(self, input_shape):
        def build_and_infer(layer, shape):
            layer.build(shape)
            return layer.compute_output_shape(shape)

        self._run(tuple(input_shape), build_and_infer, _join_shapes)

    def call(self, inputs, training=None):
        def apply(layer, x):
            return layer(x, training=training) if isinstance(layer, ConvBN) else layer(x)

        return self._run(inputs, apply, _join)

    def compute_output_shape(self, input_shape):
        def infer(layer, shape):
            return layer.compute_output_shape(shape)

        return self._run(tuple(input_shape), infer, _join_shapes)

    def _run(self, x, apply, join):
        """Sends x down all branches: `apply(layer, x)` at each layer, `join` where they meet."""
        outputs = []
        for branch in self._names:
            y = x
            for names in branch:
                y = join([apply(self.steps[name], y) for name in names])
            outputs.append(y)
        return join(outputs)

    def get_config(self):
        names = ("branches", "strides", "padding", "use_bn", "scale", "epsilon")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _is_side_by_side(step):
    """Whether a step is a list of steps. Raises InputError for an unknown form."""
    match step:
        case "max" | "average" | [int(), _]:
            return False
        case [_, *_] if not any(map(_is_side_by_side, step)):
            return True
    rule = "a step must be (filters, kernel size), 'max', 'average' or a list of those"
    raise InputError(f"{rule}. Received: {step!r}")


def _join(tensors):
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=-1)


def _join_shapes(shapes):
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))
