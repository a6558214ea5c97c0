"""Throughput and memory against other implementations, by turns: `python -m tfresnet.benchmark`."""
