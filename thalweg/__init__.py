"""Trains small neural networks live and shows how they learn."""

from importlib.metadata import version

__version__ = version("thalweg")
