"""The lecture's studies, one file each: `python -m tfresnet.experiments NAME`."""
