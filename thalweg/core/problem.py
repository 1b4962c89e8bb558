"""A problem: a network with its data and its objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from thalweg.core import buffers
from thalweg.core.data import Dataset
from thalweg.core.networks.architectures import network
from thalweg.core.networks.auxiliary import DeeplySupervised
from thalweg.core.networks.initialisers import initialise_as
from thalweg.core.parameters import Layout, layout_of
from thalweg.core.scene import RunSpec
from thalweg.core.scene.layers import layer_names
from thalweg.core.training.objectives import OBJECTIVES, VALUE, Objective

Batch = tuple[Tensor, Tensor]
"""Inputs [n, features] and labels [n]."""

BLOCK = 4096
"""Examples that pass through the network together: large enough to be fast, small enough for memory."""

GRADIENT_BLOCK = 512
"""The same where a gradient is taken, whose graph keeps every activation."""


@dataclass(frozen=True)
class Problem:
    """A module, its parameters' layout, its data and what is minimised. ``start`` holds the initial parameters.

    Loss and gradient depend on the module's buffers too, as they are at the moment: see :mod:`thalweg.core.buffers`.
    """

    module: nn.Module
    layout: Layout
    objective: Objective
    train: Batch
    test: Batch
    start: Tensor

    def loss(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The mean loss of a batch with these parameters; a scalar, differentiable."""
        return self.objective.mean(functional_call(self.module, dict(parameters), (batch[0],)), batch[1])

    @property
    def in_training(self) -> dict[str, bool]:
        """What the module is called with beside its inputs, for the outputs that :meth:`trained` takes."""
        return {"every": True} if isinstance(self.module, DeeplySupervised) else {}

    def trained(self, outputs: Tensor | tuple[Tensor, list[Tensor]], labels: Tensor) -> tuple[Tensor, Tensor]:
        """What training minimises, and the mean loss that is a part of it; both differentiable.

        They are the same but for auxiliary outputs, whose losses are added to the first.
        """
        if isinstance(outputs, Tensor):
            loss = self.objective.mean(outputs, labels)
            return loss, loss
        assert isinstance(self.module, DeeplySupervised)
        scores, others = outputs
        total = loss = self.objective.mean(scores, labels)
        for each in others:
            total = total + self.module.weight * self.objective.mean(each, labels)
        return total, loss

    def gradient(self, vector: Tensor, batch: Batch, trained: bool = False) -> Tensor:
        """The gradient of the batch's mean loss at the parameters ``vector`` [size], block by block; shape [size].

        ``trained``: of all that training minimises.
        """
        at = vector.detach().clone().requires_grad_(True)
        total = torch.zeros_like(vector)
        for inputs, labels in zip(batch[0].split(GRADIENT_BLOCK), batch[1].split(GRADIENT_BLOCK), strict=True):
            parameters, asked = self.layout.views(at), self.in_training if trained else {}
            outputs = functional_call(self.module, parameters, (inputs,), asked)
            loss, _ = self.trained(outputs, labels)
            total += torch.autograd.grad(loss, at)[0] * (len(labels) / len(batch[1]))
        return total

    def first(self, count: int) -> Batch:
        """The first ``count`` training examples."""
        return self.train[0][:count], self.train[1][:count]


def random_streams(seed: int) -> tuple[torch.Generator, torch.Generator]:
    """Two independent generators of one seed: for the initial weights, and for the order of the examples."""
    states = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    return (
        torch.Generator().manual_seed(int(states[0] >> 1)),
        torch.Generator().manual_seed(int(states[1] >> 1)),
    )


def initial_network(run: RunSpec, inputs: Tensor) -> nn.Module:
    """The network of a run as it is before the first step, on the CPU.

    ``inputs`` [n, features] are the training examples, in their order: initial weights may depend on the first of them.
    """
    module = network(run.network)
    initialise_as(run.network, module, random_streams(run.seed)[0], inputs)
    return module


def build(run: RunSpec, data: Dataset, device: str = "cpu") -> Problem:
    """The problem of a run on a device; the same run gives the same initial parameters, bit for bit.

    A module with running statistics is in evaluation mode, and a training step alone takes it out of it.
    """
    module = initial_network(run, torch.from_numpy(data.train_images)).to(device)
    if len(buffers.flatten(module)):  # the others stay as they are: cuDNN's LSTM has no gradient in evaluation mode
        module.eval()
    layout = layout_of(module, layer_names(run.network))
    start = layout.flatten(dict(module.named_parameters()))

    def batch(images: np.ndarray, labels: np.ndarray) -> Batch:
        return torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)

    return Problem(
        module=module,
        layout=layout,
        objective=VALUE if run.network.kind == "surface" else OBJECTIVES[run.objective.loss],
        train=batch(data.train_images, data.train_labels),
        test=batch(data.test_images, data.test_labels),
        start=start,
    )
