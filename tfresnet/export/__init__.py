"""A trained network for other programs: files of other formats, and a folder for a hub."""
