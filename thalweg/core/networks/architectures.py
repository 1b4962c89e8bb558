"""From the spec of a network to the module."""

from __future__ import annotations

from torch import nn

from thalweg.core.networks.auxiliary import DeeplySupervised
from thalweg.core.networks.cnn import cnn
from thalweg.core.networks.lstm import RowLSTM
from thalweg.core.networks.mlp import mlp
from thalweg.core.networks.residual import residual
from thalweg.core.networks.surface import Surface
from thalweg.core.scene.data import CLASSES, SHAPE
from thalweg.core.scene.network import NetworkSpec


def network(spec: NetworkSpec) -> nn.Module:
    """The module of this spec, from flat images [n, pixels] to raw scores [n, classes]; its weights are torch's.

    Its layers are those of :func:`thalweg.core.scene.layers.layer_shapes`.
    """
    match spec.kind:
        case "mlp":
            plain = mlp(spec.sizes, spec.activation, norm=spec.hidden_norm, skips=spec.hidden_skips)
            if spec.supervised:
                return DeeplySupervised(plain, spec.hidden, CLASSES, spec.auxiliary)
            return plain
        case "cnn":
            return cnn(spec.channels, spec.activation, SHAPE, CLASSES)
        case "residual":
            return residual(
                spec.width,
                spec.blocks,
                spec.activation,
                skips=spec.skips,
                batch_norm=spec.batch_norm,
                shape=SHAPE,
                classes=CLASSES,
            )
        case "surface":
            noise = spec.noise if spec.surface == "noisy-ravine" else 0.0
            return Surface(spec.tree, (spec.x_start, spec.y_start), noise)
        case "lstm":
            return RowLSTM(spec.units, SHAPE, CLASSES)
