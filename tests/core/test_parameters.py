"""The flat vector and the module are two views of the same numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thalweg.core.parameters import layout_of

from .toys import made, toy

MODULES = {
    "mlp": lambda: toy().module,
    "convolution": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3, bias=False)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), nn.LayerNorm(3), nn.Linear(3, 1)),
    "recurrent": lambda: nn.GRU(2, 3, num_layers=2),
}


@pytest.mark.parametrize("name", MODULES)
def test_views_are_the_inverse_of_flatten(name: str) -> None:
    """Cutting the flat vector gives back every parameter under its own name and shape, and copies nothing."""
    module = made(MODULES[name])
    layout, parameters = layout_of(module), dict(module.named_parameters())
    vector = layout.flatten(parameters)
    views = layout.views(vector)
    assert layout.size == vector.numel() == sum(p.numel() for p in module.parameters())
    assert list(views) == list(parameters)
    assert all(torch.equal(views[n], p) for n, p in parameters.items())
    vector.zero_()
    assert not any(v.any() for v in views.values())
    assert all(p.any() or "bias" in n for n, p in parameters.items()), "flatten made a copy"
    assert torch.equal(vector, nn.utils.parameters_to_vector(v.contiguous() for v in views.values()))


@pytest.mark.parametrize("name", MODULES)
def test_layers_cut_the_vector_without_gap_or_overlap(name: str) -> None:
    """Each layer holds the parameters of one submodule, and the layers tile the vector in order."""
    module = made(MODULES[name])
    layout, parameters = layout_of(module), dict(module.named_parameters())
    assert layout.layers[0].start == 0
    assert layout.layers[-1].stop == layout.size
    for before, after in zip(layout.layers, layout.layers[1:], strict=False):
        assert before.stop == after.start
    vector = layout.flatten(parameters)
    for layer in layout.layers:
        own = torch.cat([parameters[n].detach().flatten() for n in layer.parameters])
        assert torch.equal(vector[layer.span], own)
        assert len({n.rpartition(".")[0] for n in layer.parameters}) == 1


def test_mask_is_one_on_the_chosen_layers_only() -> None:
    """Layers count from 1; none chosen means all; masks of disjoint layers add up."""
    layout = toy().layout
    masks = [layout.mask((n,)) for n in (1, 2, 3)]
    for mask, layer in zip(masks, layout.layers, strict=True):
        assert mask.sum() == layer.stop - layer.start
        assert mask[layer.span].all()
    assert torch.equal(masks[0] + masks[2], layout.mask((3, 1)))
    assert torch.equal(sum(masks), layout.mask(()))
    assert layout.mask(()).all()


def test_a_module_without_parameters_has_no_layout() -> None:
    """The error names the module."""
    with pytest.raises(ValueError, match="Flatten has no parameters"):
        layout_of(nn.Flatten())
