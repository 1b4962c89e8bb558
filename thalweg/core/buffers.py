"""What a network keeps beside its parameters: the running means and variances of BatchNorm, as one flat vector.

They are no parameters (no gradient moves them, no direction leads through them), but the loss that is drawn depends on
them, so they go wherever the parameters go: into frames, map requests, trajectories and run files.

Whole-number buffers are left out: BatchNorm counts its batches, but with a fixed momentum nothing depends on the count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def _floating(module: nn.Module) -> list[Tensor]:
    return [b for b in module.buffers() if b.is_floating_point()]


def flatten(module: nn.Module) -> Tensor:
    """A copy of the module's buffers as one vector; float32 [count], empty for a module without."""
    parts = [b.detach().reshape(-1) for b in _floating(module)]
    return torch.cat(parts) if parts else torch.empty(0)


def load(module: nn.Module, vector: Tensor) -> None:
    """Write the buffers [count] into the module; raises ValueError where their number is another one."""
    found = _floating(module)
    count = sum(b.numel() for b in found)
    if vector.shape != (count,):
        raise ValueError(f"buffers: shape {tuple(vector.shape)}, expected ({count},)")
    with torch.no_grad():
        for buffer, part in zip(found, vector.split([b.numel() for b in found]), strict=True):
            buffer.copy_(part.view_as(buffer))


def as_one(module: nn.Module) -> Tensor:
    """One vector [count] that the module's buffers become views of, at their first values.

    What a training step does to the buffers is seen in the vector at once, and a snapshot of them is one copy.
    """
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.reset_running_stats()
    vector = flatten(module)
    at = 0
    for buffer in _floating(module):
        buffer.data = vector[at : at + buffer.numel()].view_as(buffer)
        at += buffer.numel()
    return vector


@contextmanager
def training(module: nn.Module) -> Iterator[None]:
    """The module in training mode meanwhile, and in evaluation mode after.

    So whatever measures between two steps reads the running statistics and never moves them.
    """
    module.train()
    try:
        yield
    finally:
        module.eval()
