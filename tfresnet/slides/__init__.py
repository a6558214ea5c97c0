"""The slides' numbers about networks that can be counted, checked against our layers."""

from tfresnet.slides.verdicts import RENDERERS, check
