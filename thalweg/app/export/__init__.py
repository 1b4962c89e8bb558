"""Figures to files: vectors, pixels, and their numbers."""
