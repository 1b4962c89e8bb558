"""The parts of ``bench_landscape.py``: what is measured, the ways of computing it, the checks and the tables."""
