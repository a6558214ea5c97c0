"""What the program runs on: processes, files, devices; how commands start and end."""
