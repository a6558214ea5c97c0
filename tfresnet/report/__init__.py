"""A lab report of finished runs and studies: `python -m tfresnet.report`."""
