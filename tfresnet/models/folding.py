"""A copy of a network for inference alone: less to compute, the same classes."""

import keras

# What stays in float32 under a lower precision, as in training: the classifier.
_CLASSIFIER = (
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.Dense,
    keras.layers.Activation,
)


def inference_copy(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """A copy of `model` with every batch normalisation folded into the convolution before it.

    Args:
        model: any model; one that is not Functional is returned as it is.
        dtype: dtype policy of the copy up to the classifier; None: that of `model`.

    The copy is neither to be trained nor to be saved. Source of folding: Jacob et al., 2017,
    https://arxiv.org/abs/1712.05877, section 3.2.
    """
    if not hasattr(model, "operations"):  # only a Functional model has this list
        return model

    def copied(layer):
        config = layer.get_config()
        if dtype and not isinstance(layer, (*_CLASSIFIER, keras.layers.InputLayer)):
            config["dtype"] = dtype
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        for conv, bn in getattr(layer, "conv_bn_pairs", ()):
            bn.fold_into(conv)
    return copy
