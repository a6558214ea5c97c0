"""Makes a user's network trainable: from pixels to logits."""

import ast
import functools
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from tfresnet.errors import InputError
from tfresnet.layers import Logits, Preprocessing
from tfresnet.layers.own import OwnLayer
from tfresnet.own import checks
from tfresnet.own.behaviour import Behaviour, observe
from tfresnet.own.maker import RULE, make_network, makes_networks
from tfresnet.own.student import definitions, load, report_errors
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.model_names import own_code


class OwnNetwork:
    """Makes networks from a user's file or Python object.

    title: `FILE.py:NAME`, or `:NAME` of an object; the setting `model`.
    file: the file, which is run again for each network; "" for an object.
    remarks: lines about the network that was built last.

    Args:
        source: `FILE.py`, `FILE.py:NAME`, a Keras model, or what makes one.

    Raises:
        InputError: something else.
    """

    def __init__(self, source: object):
        self.file, self._name, self._thing, self._is_used = "", None, source, False
        self.remarks: list[str] = []
        if isinstance(source, str | Path):
            self.file, self._name = own_code(str(source)) or (str(source), None)
        elif isinstance(source, keras.Layer) or callable(source):
            self._name = getattr(source, "__name__", None) or getattr(source, "name", "model")
        else:
            raise InputError(f"{RULE}. Received: {type(source).__name__}")

    @functools.cached_property
    def name(self) -> str:
        """Raises `InputError` if the file fails, or defines several networks."""
        return self._name or load(self.file, suits=makes_networks).name

    @property
    def title(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def text(self) -> str | None:
        """The text of the file; None for an object."""
        if not self.file:
            return None
        with tokenize.open(self.file) as file:
            return file.read()

    def custom_objects(self) -> dict[str, object]:
        """Custom objects for Keras to read a model file with this code's layers. Use them at once:
        from now on layers without a name are numbered from the beginning."""
        forget_names()
        defined = definitions(self.file)[0] if self.file else {}

        class Reader(OwnLayer):
            @classmethod
            def from_config(cls, config):
                network, _ = self._made(**config["made_for"])
                return OwnLayer(network, **config)

        return defined | {OwnLayer.REGISTERED: Reader}

    def build(
        self,
        config: TrainConfig,
        preprocessing: Preprocessing,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
    ) -> keras.Model:
        """A network that takes pixels, 0 to 255, and gives logits; a function of the seed.

        Args:
            config: resolved settings; `model_option` has further arguments of what makes it.
            preprocessing: what it begins with, unless it scales pixels itself.

        Raises:
            InputError: the code fails, or gives what cannot be trained; in one line.
        """
        checks.check_settings(config)
        forget_names()
        keras.utils.set_random_seed(config.seed)
        made_for = {"shape": input_shape, "classes": num_classes, "dtype": config.precision}
        made_for["options"] = config.model_option or {}
        network, seen = self._made(**made_for)
        preprocessing = seen.preprocessing(preprocessing)
        checks.check_pixels(preprocessing, config, self.name)
        model = self._whole(network, seen, made_for, preprocessing)
        self.remarks = list(checks.remarks(model, seen, config))
        if beside := _imported_from_beside(self.file, self.text):
            self.remarks.append(f"the run keeps {self.file}, and not {beside}, which it imports")
        return model

    def trained(self, shape: tuple[int, int, int], preprocessing: Preprocessing) -> keras.Model:
        """A Keras model with the weights that it has, as `build` has it otherwise.

        Raises:
            InputError: as `build`.
        """
        with report_errors(self.file or self.name):
            seen = observe(self._thing, shape)
        preprocessing = seen.preprocessing(preprocessing)
        return self._whole(self._thing, seen, {"shape": shape, "dtype": None}, preprocessing)

    def _made(self, shape, classes, dtype, options) -> tuple[keras.Layer, Behaviour]:
        """The user's own network, built, checked and observed."""
        shape = tuple(shape)
        with _policy(dtype), report_errors(self.file or self.name):
            network = self._network(shape, classes, options)
            checks.check_input(network, self.name)
            answers = network(keras.Input(shape))
            checks.check_network(network, answers, classes, self.name)
            return network, observe(network, shape)

    def _network(self, shape, classes, options):
        thing = load(self.file, self.name).thing if self.file else self._thing
        if not isinstance(thing, keras.Layer):
            return make_network(thing, self.name, shape, classes, options)
        if options:
            raise InputError(
                f"model_option must be for a class or function: {self.name} is made already. "
                f"Received: {', '.join(options)}"
            )
        if self._is_used and not self.file and not checks.is_stock(thing):
            raise InputError(
                f"a second network is needed (ema), and {self.name} is made already: give the "
                "class or function that makes it. Received: a model"
            )
        self._is_used = True
        return thing

    def _whole(self, network, seen, made_for, preprocessing):
        images = keras.Input(made_for["shape"], dtype="float32", name="images")
        x = preprocessing(images)
        with report_errors(self.file or self.name):
            is_stock = checks.is_stock(network)
            if is_stock:
                x = network.call(x)  # layer by layer, as if they were ours
            else:
                x = OwnLayer(network, made_for, dtype=made_for["dtype"])(x)
        model = keras.Model(images, Logits(seen.probabilities)(x), name=self.name)
        if not is_stock:
            return model
        same = keras.Model.from_config(model.get_config())  # with the names that a file gives
        same.set_weights(model.get_weights())
        return same


def _imported_from_beside(file, text):
    """Names of the files in the same folder that a file imports, as text."""
    names = set()
    for node in ast.walk(ast.parse(text or "")):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    beside = (Path(file).parent / f"{name}.py" for name in sorted(names))
    return ", ".join(path.name for path in beside if path.is_file())


def forget_names() -> None:
    """Lets Keras number layers without a name from the beginning: checkpoints go by name.

    Keras' public `clear_session` would also end the scope of a distribution strategy.
    """
    from keras.src.utils.naming import reset_uids

    reset_uids()


@contextmanager
def _policy(dtype: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
