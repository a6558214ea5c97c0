"""A network for inference alone: less to compute, the same classes."""

import keras

# What the classifier of a network is made of, from the global pooling or the last dense layer on.
_BESIDE_DENSE = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Dropout,
    keras.layers.Activation,
    keras.layers.Softmax,
)


def without_auxiliary(network: keras.Model) -> keras.Model:
    """`network`, the same layers, without the auxiliary classifiers that only training uses."""
    if len(getattr(network, "outputs", ())) < 2:
        return network
    return keras.Model(network.inputs, network.outputs[0], name=network.name)


def of_any_size(model: keras.Model, smallest: int) -> keras.Model:
    """`model`, the same layers, for square images of any side from `smallest` pixels on.

    Raises:
        ValueError: a layer is made for one size, or has no pixel left of the smallest image.
    """
    for side in (smallest, None):  # the first finds out, where None would let all pass
        images = keras.Input((side, side, model.input_shape[-1]), name=model.inputs[0].name)
        view = keras.models.clone_model(model, images, clone_function=lambda layer: layer)
    return view


def inference_copy(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """A copy of `model` with every batch normalisation folded into the convolution before it.

    Args:
        model: any model; one that is not Functional is returned as it is.
        dtype: dtype policy of the copy up to the classifier, which is float32; None: that of
            `model`.

    The copy has the first output alone, and is neither to be trained nor to be saved. Source of
    folding: Jacob et al., 2017, https://arxiv.org/abs/1712.05877, section 3.2.
    """
    if not _is_functional(model):
        return model
    model = without_auxiliary(model)
    classifier = _classifier(model)

    def copied(layer):
        config = layer.get_config()
        if dtype and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32" if layer in classifier else dtype
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copied)
    refold(copy, model)
    return copy


def refold(copy: keras.Model, model: keras.Model) -> None:
    """Gives `copy`, an `inference_copy` of `model`, the weights that `model` has now."""
    if copy is model:
        return
    for own, weight in zip(copy.weights, without_auxiliary(model).weights, strict=True):
        own.assign(weight)
    for layer in copy._flatten_layers():
        for conv, bn in getattr(layer, "conv_bn_pairs", ()):
            if bn is not None:
                bn.fold_into(conv)


def _is_functional(model):
    return hasattr(model, "operations")  # no other model has this list


def _classifier(model):
    """The last layers of a model, up to its last dense one and the global pooling before it."""
    found, dense = [], 0
    for layer in reversed(model.layers):
        dense += isinstance(layer, keras.layers.Dense)
        if dense > 1 or not isinstance(layer, (keras.layers.Dense, *_BESIDE_DENSE)):
            break
        found.append(layer)
    return found
