"""Products of the loss's Hessian with vectors (Pearlmutter 1994), without the Hessian."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.problem import Batch, Problem

RETAINED_BYTES = 192 * 2**20
"""Memory for gradient graphs that are kept between products; what does not fit is made anew for each product."""

BLOCK_BYTES = 48 * 2**20
"""Memory for the graph of one block of examples."""

BLOCK = 1024
"""Examples in a block at most."""

_PROBE = 32

Gradients = tuple[Tensor, ...]
"""The gradient of a block's share of the mean loss, one tensor for each moving parameter, still with its graph."""


class HessianOperator:
    """The Hessian of a batch's mean loss at one point, as a linear map ``v -> H v`` of chosen layers.

    Its coordinates are the parameters of these layers, side by side in the order of the layout: ``size`` of them. All
    other parameters are constants, so this is the layers' diagonal block of the whole Hessian, and nothing is computed
    for the rest.

    ``loss`` is the mean loss, ``gradient`` its gradient; float64 [size].

    The gradient is built once, with its graph, and each product is one backward pass through it: half the time of
    building it for every product. ReLU and max pooling count as linear on either side of their kinks. The module is
    copied and evaluated with its evaluation statistics, so that the problem is left exactly as it is found.
    """

    loss: float
    gradient: Tensor

    def __init__(
        self, problem: Problem, vector: Tensor, batch: Batch, layers: tuple[int, ...] = (), vectors: bool = True
    ) -> None:
        self._problem = replace(problem, module=copy.deepcopy(problem.module).eval())
        if not vector.isfinite().all():
            raise CurvatureError("the parameters are not finite here, so the loss has no curvature")
        names = problem.layout.moving(layers, vectors)
        self._spans = problem.layout.spans(names)
        self._parameters = {
            n: p.detach().clone().requires_grad_(n in names) for n, p in problem.layout.views(vector.detach()).items()
        }
        self._moving = tuple(p for n, p in self._parameters.items() if n in names)
        self.size = sum(p.numel() for p in self._moving)
        self.device = torch.device("cpu") if vector.device.type == "mps" else vector.device  # MPS has no float64
        self._count = len(batch[1])
        per_example = self._bytes_of((batch[0][:_PROBE], batch[1][:_PROBE])) / min(_PROBE, self._count)
        block = max(1, min(BLOCK, int(BLOCK_BYTES / (per_example + 1))))
        blocks = list(zip(batch[0].split(block), batch[1].split(block), strict=True))
        kept = 1 + int(RETAINED_BYTES / (per_example * block + 1))
        self._retained: list[Gradients] = []
        self._anew = blocks[kept:]
        self.loss, self.gradient = 0.0, torch.zeros(self.size, dtype=torch.float64, device=self.device)
        for i, part in enumerate(blocks):
            loss, gradients = self._gradients(part)
            self.loss += loss
            self.gradient += self._flat(gradients)
            if i < kept:
                self._retained.append(gradients)
        if not self.gradient.isfinite().all() or not abs(self.loss) < torch.inf:
            raise CurvatureError(f"the loss or its gradient is not finite here (loss {self.loss:g}): no curvature")

    def __call__(self, v: Tensor) -> Tensor:
        """H v for ``v`` [size], of any floating type; float64 [size], on the device of ``v``.

        The product is computed in the type of the parameters for each block of examples, and the blocks are summed in
        float64: in float32 its error is about 1e-7 of ``|H| |v|``.
        """
        parts = torch.split(v.detach(), [p.numel() for p in self._moving])
        across = [p.to(like).view(like.shape) for p, like in zip(parts, self._moving, strict=True)]
        total = torch.zeros_like(self.gradient)
        for gradients in self._graphs():
            total += self._flat(self._product(gradients, across))
        return total.to(v.device)

    def embed(self, v: Tensor) -> Tensor:
        """``v`` [..., size] among all parameters, zero in the layers that do not move; [..., parameters], as ``v``."""
        whole = v.new_zeros((*v.shape[:-1], self._problem.layout.size))
        at = 0
        for span in self._spans:
            count = span.stop - span.start
            whole[..., span] = v[..., at : at + count]
            at += count
        return whole

    def restrict(self, vector: Tensor) -> Tensor:
        """The entries of ``vector`` [..., parameters] that belong to the moving layers; [..., size]."""
        return torch.cat([vector[..., span] for span in self._spans], dim=-1)

    def _graphs(self) -> Iterator[Gradients]:
        yield from self._retained
        for part in self._anew:
            yield self._gradients(part)[1]

    def _gradients(self, batch: Batch) -> tuple[float, Gradients]:
        with twice_differentiable():
            loss = self._problem.loss(self._parameters, batch) * (len(batch[1]) / self._count)
            if not loss.requires_grad:  # the layers take no part in the loss
                return loss.item(), tuple(torch.zeros_like(p) for p in self._moving)
            gradients = torch.autograd.grad(loss, self._moving, create_graph=True, materialize_grads=True)
        return loss.item(), gradients

    def _product(self, gradients: Gradients, across: list[Tensor]) -> Gradients:
        curved = [(g, v) for g, v in zip(gradients, across, strict=True) if g.requires_grad]
        if not curved:  # the loss is linear in these layers
            return tuple(torch.zeros_like(p) for p in self._moving)
        outputs, weights = zip(*curved, strict=True)
        return torch.autograd.grad(outputs, self._moving, weights, retain_graph=True, materialize_grads=True)

    def _flat(self, parts: Gradients) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in parts]).to(self.device).double()

    def _bytes_of(self, batch: Batch) -> int:
        """Memory that the gradient graph of a batch holds, beside parameters and data."""
        given = {t.untyped_storage().data_ptr() for t in (*self._parameters.values(), *batch)}
        held: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in given:
                held[storage.data_ptr()] = storage.nbytes()
            return tensor

        with saved_tensors_hooks(note, lambda tensor: tensor):
            self._gradients(batch)
        return sum(held.values())


def hessian_operator(
    problem: Problem, vector: Tensor, batch: Batch, layers: tuple[int, ...] = (), vectors: bool = True
) -> HessianOperator:
    """The Hessian of the batch's mean loss at ``vector`` [parameters], in these layers (from 1; none means all).

    ``vectors``: with biases and other parameters that are no weight matrix or filter. Raises CurvatureError where the
    parameters, the loss or its gradient are not finite, and for an empty batch.
    """
    if not len(batch[1]):
        raise CurvatureError("the batch is empty, so there is no loss to take the curvature of")
    return HessianOperator(problem, vector, batch, layers, vectors)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Gradients on, and those fused kernels off that have no second derivative: attention, and cuDNN's recurrence."""
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
