"""A table of the finished CIFAR-10 runs in a folder: `python -m tfresnet.results`."""
