"""What a spec says of a network's layers is what the built network has."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thalweg.core import buffers
from thalweg.core.networks.activations import ACTIVATIONS
from thalweg.core.networks.architectures import network
from thalweg.core.parameters import layout_of
from thalweg.core.scene.layers import buffer_count, layer_names, layer_shapes, parameter_count
from thalweg.core.scene.network import NetworkSpec

SPECS = st.builds(
    NetworkSpec,
    kind=st.sampled_from(["mlp", "cnn", "residual", "lstm"]),
    hidden=st.lists(st.integers(1, 5), max_size=4).map(tuple),
    hidden_norm=st.sampled_from(["none", "batch", "layer"]),
    hidden_skips=st.booleans(),
    auxiliary=st.sampled_from([0.0, 0.3]),
    channels=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple),
    width=st.integers(1, 5),
    blocks=st.integers(1, 4),
    skips=st.booleans(),
    batch_norm=st.booleans(),
    units=st.integers(1, 6),
    activation=st.sampled_from(list(ACTIVATIONS)),
)


@given(SPECS)
def test_the_layers_of_a_spec_are_those_of_the_module(spec: NetworkSpec) -> None:
    """The same number in the same order, the same shapes, and as many parameters and statistics."""
    with torch.random.fork_rng():
        module = network(spec)
    layout = layout_of(module, layer_names(spec))
    shapes = dict(zip(layout.names, map(tuple, layout.shapes), strict=True))
    built = [tuple(shapes[name] for name in layer.parameters) for layer in layout.layers]
    assert built == [layer.shapes for layer in layer_shapes(spec)]
    assert layout.size == parameter_count(spec)
    assert len(buffers.flatten(module)) == buffer_count(spec)
    assert module(torch.rand(2, 784)).shape == (2, 10)


@given(SPECS)
def test_names_are_numbered_from_one_and_told_apart(spec: NetworkSpec) -> None:
    """The number of a name is the one that scenes use."""
    names = layer_names(spec)
    assert [int(re.search(r"\d+", name)[0]) for name in names] == list(range(1, len(names) + 1))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"hidden": (5,)}, ["layer 1", "layer 2"]),
        (
            {"hidden": (5, 5), "hidden_norm": "layer"},
            ["layer 1", "layer 2", "layer 3"],
        ),
        ({"hidden": (), "hidden_norm": "batch"}, ["layer 1"]),
        ({"hidden": (5, 5), "hidden_skips": True}, ["layer 1", "layer 2", "layer 3"]),
        ({"kind": "cnn"}, ["1 conv", "2 conv", "3 linear"]),
        ({"kind": "lstm"}, ["1 LSTM", "2 linear"]),
        (
            {"kind": "residual", "blocks": 1, "batch_norm": False},
            ["1 conv, stem", "2 conv, block 1", "3 conv, block 1", "4 linear"],
        ),
    ],
)
def test_names_say_what_a_layer_is(fields: dict[str, object], names: list[str]) -> None:
    """In the words of the window."""
    assert list(layer_names(NetworkSpec.model_validate(fields))) == names


def test_a_layout_refuses_names_that_do_not_fit() -> None:
    """Two names for three layers."""
    with torch.random.fork_rng():
        module = network(NetworkSpec(kind="cnn"))
    with pytest.raises(ValueError, match="layer_names: 2 names, expected 3"):
        layout_of(module, ("a", "b"))
