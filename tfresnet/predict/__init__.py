"""What a trained network sees in pictures: `tfresnet.load(x).predict(...)`, and the command."""

from tfresnet.predict.classifier import Classifier, load

__all__ = ["Classifier", "load"]
