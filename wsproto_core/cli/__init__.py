"""What `python -m wsproto_core` does, but for files, arguments and the terminal."""
