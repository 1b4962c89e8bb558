"""How the state changes: ``reduce(message, state) -> state``, for what a person wants and what the workers say. No Qt.

A file for each kind of message; all of them register with the same function.
"""

from thalweg.app.reduce import heard, playing, scenes, variants, view
from thalweg.app.reduce.dispatch import reduce

__all__ = ["heard", "playing", "reduce", "scenes", "variants", "view"]
