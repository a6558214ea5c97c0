"""Plumbing: how commands start and end, signals, devices, hardware, files, tables."""
