"""What can go wrong when a figure is written to a file."""


class ExportError(Exception):
    """A figure could not be exported; the message is one sentence for the person who asked for it."""
