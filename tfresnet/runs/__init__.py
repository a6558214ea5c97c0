"""The folder of a run: layout, lock, checkpoints, events, record, verification."""
