"""The folder of a run: layout, settings file, lock, checkpoints, events, verification.

Nothing here knows how training works; `folder.py` has every name in such a folder.
"""
