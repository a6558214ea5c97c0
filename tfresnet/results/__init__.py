"""A table of finished CIFAR-10 runs: `python -m tfresnet.results`."""
