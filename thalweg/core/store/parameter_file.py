"""The parameters of one step as other programs read them: safetensors, or torch's state dict."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from thalweg.core import buffers
from thalweg.core.files import replacing
from thalweg.core.problem import Problem

SUFFIXES = (".safetensors", ".pt")


class ParameterFileError(Exception):
    """A file that cannot be written; the text names it and the reason."""


def state_dict(problem: Problem, vector: Tensor, statistics: Tensor, step: int) -> dict[str, Tensor]:
    """Copies of the parameters [size] and running statistics [count] under the names that the module has for them.

    What counts batches, a whole number, has come to ``step``.
    """
    found = {name: view.detach().cpu().clone() for name, view in problem.layout.views(vector).items()}
    if len(statistics):
        before = buffers.flatten(problem.module)
        buffers.load(problem.module, statistics)
        for name, b in problem.module.named_buffers():
            found[name] = b.detach().cpu().clone() if b.is_floating_point() else torch.full_like(b, step, device="cpu")
        buffers.load(problem.module, before)
    return found


def write(path: Path, found: dict[str, Tensor], about: dict[str, object]) -> None:
    """Write named tensors; safetensors carries ``about`` too, as JSON. The old file stays on failure.

    A state dict is loaded by ``module.load_state_dict(torch.load(path, weights_only=True))``. Raises
    ParameterFileError.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ParameterFileError(f"{path}: the ending is not accepted; expected {' or '.join(SUFFIXES)}")
    try:
        with replacing(path) as temporary:
            if path.suffix.lower() == ".pt":
                torch.save(found, temporary)
            else:
                temporary.write_bytes(save(found, metadata={"thalweg": json.dumps(about)}))
    except (OSError, RuntimeError) as e:
        raise ParameterFileError(f"{path}: cannot be written: {getattr(e, 'strerror', None) or e}") from None
