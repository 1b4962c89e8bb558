"""Products of the generalised Gauss-Newton matrix with vectors (Schraudolph 2002), without the matrix."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import functional_call

from thalweg.core.curvature.error import CurvatureError
from thalweg.core.curvature.hvp import twice_differentiable
from thalweg.core.problem import Batch, Problem

BLOCK = 256
"""Examples whose graph is in memory together."""


class GaussNewtonOperator:
    """The matrix G = mean of J^T H J over a batch at one point, as a linear map ``v -> G v`` of all parameters.

    J [outputs, parameters] is the Jacobian of an example's outputs, H [outputs, outputs] the Hessian of its loss with
    respect to them. G is positive semidefinite: the Hessian without the curvature of the network itself. For
    cross-entropy, of a softmax or of sigmoids, and squared error it is the Fisher information, so G^-1 g is the natural
    gradient (Amari 1998; Martens 2020, section 9). The squared error of sigmoids is not convex in the scores: there the
    sigmoids are part of the network, and the outputs what they give. ``gradient`` is that of the mean loss; float64
    [parameters].
    """

    gradient: Tensor

    def __init__(self, problem: Problem, vector: Tensor, batch: Batch) -> None:
        if not vector.isfinite().all():
            raise CurvatureError("the parameters are not finite here, so the loss has no curvature")
        self._problem = replace(problem, module=copy.deepcopy(problem.module))
        self._parameters = {
            name: p.detach().clone().requires_grad_() for name, p in problem.layout.views(vector.detach()).items()
        }
        self._moving = tuple(self._parameters.values())
        self._batch = batch
        self.device = torch.device("cpu") if vector.device.type == "mps" else vector.device  # MPS has no float64
        with torch.enable_grad():
            self.gradient = problem.gradient(vector, batch).to(self.device).double()
        if not self.gradient.isfinite().all():
            raise CurvatureError("the gradient is not finite here: no curvature")

    def __call__(self, v: Tensor) -> Tensor:
        """G v for ``v`` [parameters]; float64 [parameters], summed over blocks of examples in float64."""
        parts = torch.split(v.detach(), [p.numel() for p in self._moving])
        across = [p.to(like).view(like.shape) for p, like in zip(parts, self._moving, strict=True)]
        total = torch.zeros_like(self.gradient)
        for inputs, labels in zip(*(part.split(BLOCK) for part in self._batch), strict=True):
            total += self._product(inputs, labels, across) * (len(labels) / len(self._batch[1]))
        return total.to(v.device)

    def _product(self, inputs: Tensor, labels: Tensor, across: list[Tensor]) -> Tensor:
        objective = self._problem.objective
        through, loss = objective.convex or (lambda given: given, objective.mean)
        with twice_differentiable():
            scores = through(functional_call(self._problem.module, self._parameters, (inputs,)))
            slope = torch.autograd.grad(loss(scores, labels), scores, create_graph=True)[0]
            # J v: what J^T u, linear in u, is multiplied with across; the value of u plays no part
            dummy = torch.zeros_like(scores, requires_grad=True)
            back = torch.autograd.grad(scores, self._moving, dummy, create_graph=True, materialize_grads=True)
            moved = torch.autograd.grad(back, dummy, across, retain_graph=True)[0]
            curved = torch.autograd.grad(slope, scores, moved, retain_graph=True)[0]
            found = torch.autograd.grad(scores, self._moving, curved, materialize_grads=True)
        return torch.cat([p.reshape(-1) for p in found]).to(self.device).double()
