"""What is done against a gradient that vanishes or explodes, as changes of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from thalweg.core.scene.layers import layer_shapes
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.spec import extra_of
from thalweg.core.scene.training import OPTIMISERS, UNCLIPPED, RunSpec

Changes = Mapping[str, Any]
"""New values of fields of a run, by their dotted paths."""

CALM_RATE = 0.1
"""The learning rate at most with units whose slope is 1: what a sigmoid's quarter takes, they do not bear."""

MOST_RATE = 1e6
"""What a step of a layer is multiplied by at most."""

LONGEST_NAME = 40
"""Letters of a run's name at most."""

ALONG_THE_GRADIENT = ("sgd", "nesterov", "qhm", "sam")
"""Methods whose steps are as long as the gradient: those of the others are much alike in all layers already."""

COMPARED = "No cure, to compare"
"""The group of what makes it worse, so that it can be seen."""

WORSE = ("normal", "constant")
"""Initial weights that are no cure: units that begin saturated, and units that stay alike."""

SUITED: dict[str, tuple[str, float]] = {
    # activation: initial weights that keep the size of the signal, and what they are multiplied by
    "sigmoid": ("xavier", 4.0),  # Glorot & Bengio 2010, section 4.2.1: four times the weights for a quarter of slope
    "tanh": ("xavier", 1.0),  # the same, eq. 16
    "hard-tanh": ("xavier", 1.0),
    "relu": ("he", 1.0),  # He et al. 2015, eq. 10
    "leaky-relu": ("he", 1.0),
    "elu": ("he", 1.0),
    "gelu": ("he", 1.0),
    "silu": ("he", 1.0),
    "softplus": ("he", 1.0),
    "sine": ("lecun", 1.0),
}


@dataclass(frozen=True)
class Cure:
    """A change of a run that is to let its early layers learn; those of one ``group`` are of one kind.

    ``changes(run, norms)`` gives the new values of fields, none where the cure is no change of that run; ``norms`` are
    those of the gradient in each layer, where they are known.
    """

    id: str
    title: str
    group: str
    why: str
    changes: Callable[[RunSpec, Sequence[float]], Changes]


def cured(run: RunSpec, cure: Cure, norms: Sequence[float] = ()) -> RunSpec:
    """The run with the cure, named for it, for what it had before, and for the learning rate where that is another.

    Raises ValidationError where the run does not take it.
    """
    tree = run.model_dump()
    for path, value in cure.changes(run, norms).items():
        part, _, field = path.partition(".")
        tree[part][field] = value
    rate = tree["optimiser"]["learning_rate"]
    slower = rate != run.optimiser.learning_rate and cure.id != "rate-times-ten"
    name = f"{cure.title}, rate {rate:g}" if slower else cure.title
    whole = f"{run.name} + {name}" if run.name else name
    return RunSpec.model_validate(tree | {"name": whole if len(whole) <= LONGEST_NAME else name})


@lru_cache(maxsize=16)
def cures_of(run: RunSpec) -> tuple[Cure, ...]:
    """The cures that would change this run, and that it takes; none for a surface.

    >>> [cure.title for cure in cures_of(RunSpec()) if cure.group == "Normalisation and skips"]
    ['batch norm', 'layer norm', 'skips around layers']
    """
    if run.network.kind == "surface":
        return ()
    return tuple(cure for cure in CURES if _is_change(run, cure))


def _is_change(run: RunSpec, cure: Cure) -> bool:
    try:
        return cured(run, cure).model_copy(update={"name": run.name}) != run
    except ValueError:
        return False


def _at_most(rate: float) -> float:
    return min(rate, CALM_RATE)


def _activation(name: str) -> Callable[[RunSpec, Sequence[float]], Changes]:
    weights, gain = SUITED[name]

    def changes(run: RunSpec, norms: Sequence[float]) -> Changes:
        if run.network.kind == "lstm" or name == run.network.activation:
            return {}
        rate = run.optimiser.learning_rate
        found = {"network.activation": name, "network.initialisation": weights, "network.gain": gain}
        return found if name == "sigmoid" else found | {"optimiser.learning_rate": _at_most(rate)}

    return changes


def _weights(name: str, gain: float = 1.0) -> Callable[[RunSpec, Sequence[float]], Changes]:
    return lambda run, norms: {"network.initialisation": name, "network.gain": gain}


def _mlp(**values: Any) -> Callable[[RunSpec, Sequence[float]], Changes]:
    """New values of fields of a fully connected network with hidden layers."""

    def changes(run: RunSpec, norms: Sequence[float]) -> Changes:
        there = run.network.kind == "mlp" and run.network.hidden
        return {f"network.{name}": value for name, value in values.items()} if there else {}

    return changes


def _skips(run: RunSpec, norms: Sequence[float]) -> Changes:
    if run.network.kind == "residual":
        return {"network.skips": True}
    widths = run.network.hidden
    fits = run.network.kind == "mlp" and any(a == b for a, b in pairwise(widths))
    return {"network.hidden_skips": True} if fits else {}


def _batch_norm(run: RunSpec, norms: Sequence[float]) -> Changes:
    if run.network.kind == "residual":
        return {"network.batch_norm": True}
    return _mlp(hidden_norm="batch")(run, norms)


def _faster(run: RunSpec, norms: Sequence[float]) -> Changes:
    if run.optimiser.name in UNCLIPPED:  # they find the length of their steps by themselves
        return {}
    return {"optimiser.learning_rate": 10 * run.optimiser.learning_rate}


def _rate_for_each_layer(run: RunSpec, norms: Sequence[float]) -> Changes:
    """Each layer's step as long as that of the layer with the largest gradient; two digits are enough."""
    if run.optimiser.name not in ALONG_THE_GRADIENT:
        return {}
    count = len(layer_shapes(run.network))
    known = [norm for norm in norms if 0 < norm < float("inf")]
    if len(known) == len(norms) == count:
        rates = [float(f"{max(norms) / norm:.2g}") for norm in norms]
    else:
        rates = [4.0 ** (count - 1 - k) for k in range(count)]
    return {"optimiser.layer_rates": tuple(min(rate, MOST_RATE) for rate in rates)}


def _method(name: str, rate: float, **values: Any) -> Callable[[RunSpec, Sequence[float]], Changes]:
    named = {f"optimiser.{field}": value for field, value in values.items()}
    return lambda run, norms: {
        "optimiser.name": name, "optimiser.learning_rate": rate, "optimiser.momentum": 0.0,
        "optimiser.layer_rates": (), "optimiser.clip": 0.0, **named,
    }  # fmt: skip


def _other_loss(name: str) -> Callable[[RunSpec, Sequence[float]], Changes]:
    return lambda run, norms: {"objective.loss": name}


def _titles(field: str) -> dict[str, str]:
    found: dict[str, str] = extra_of(NetworkSpec.model_fields[field])["labels"]
    return found


_WEIGHTS = {"xavier": "Xavier", "he": "He", "lecun": "LeCun"}


def _activations() -> list[Cure]:
    found = []
    for name, title in _titles("activation").items():
        weights, gain = SUITED[name]
        suited = f"{_WEIGHTS[weights]} weights{f' × {gain:g}' if gain != 1 else ''}"
        why = f"Weights that suit the activation{'' if name == 'sigmoid' else f', and a rate of {CALM_RATE} at most'}."
        found.append(Cure(f"activation-{name}", f"{title}, {suited}", "Activation", why, _activation(name)))
    return found


def _initialisations() -> list[Cure]:
    titles = {
        "normal": "N(0, 1)", "fan-in": "N(0, 1/fan-in)", "lecun": "LeCun", "xavier": "Xavier", "he": "He",
        "orthogonal": "orthogonal", "lsuv": "LSUV", "identity": "identity", "constant": "constant",
    }  # fmt: skip
    labels = _titles("initialisation")
    found = [
        Cure(
            f"weights-{name}",
            f"{title} weights",
            COMPARED if name in WORSE else "Initial weights",
            f"{labels[name]}.",
            _weights(name),
        )
        for name, title in titles.items()
    ]
    why = "A quarter of the slope, four times the weights (Glorot & Bengio 2010)."
    return [*found, Cure("weights-times-four", "Xavier weights × 4", "Initial weights", why, _weights("xavier", 4.0))]


_EVERY: tuple[Cure, ...] = (
    *_activations(),
    *_initialisations(),
    Cure(
        "batch-norm", "batch norm", "Normalisation and skips",
        "Every unit has mean 0 and variance 1 over the batch, so that it stands where the activation is steep "
        "(Ioffe & Szegedy 2015).",
        _batch_norm,
    ),
    Cure(
        "layer-norm", "layer norm", "Normalisation and skips",
        "Every example has mean 0 and variance 1 over a layer's units (Ba et al. 2016).", _mlp(hidden_norm="layer"),
    ),
    Cure(
        "skips", "skips around layers", "Normalisation and skips",
        "The gradient has a way around each layer of as many inputs as units (He et al. 2016).", _skips,
    ),
    Cure("rate-times-ten", "ten times the rate", "Steps", "A longer step for all layers alike.", _faster),
    Cure(
        "layer-rates", "a rate for each layer", "Steps",
        "Longer steps for layers with smaller gradients, so that all move as far at the start; before anything is "
        "measured, four times as long for each layer back.",
        _rate_for_each_layer,
    ),
    Cure(
        "clip", "gradient clipping", "Steps",
        "A gradient longer than 1 is shortened to 1, so that it cannot explode (Pascanu et al. 2013).",
        lambda run, norms: {"optimiser.clip": 1.0},
    ),
    Cure("adam", OPTIMISERS["adam"], "Steps", "Each coordinate has a step width of its own.", _method("adam", 0.01)),
    Cure("lars", OPTIMISERS["lars"], "Steps", "Each layer moves in proportion to its size.", _method("lars", 0.01)),
    Cure(
        "gauss-newton", OPTIMISERS["gauss-newton"], "Steps",
        "The gradient divided by the curvature: second order, and a step takes as long as many plain ones.",
        _method("gauss-newton", 1.0, damping=0.4, l2=0.0),
    ),
    Cure(
        "auxiliary", "auxiliary loss", "Loss",
        "Every hidden layer has outputs of its own, whose loss is added while training (Lee et al. 2015).",
        _mlp(auxiliary=0.3),
    ),
    Cure(
        "cross-entropy", "cross-entropy", "Loss",
        "Its gradient does not have the slope of the output as a factor.", _other_loss("cross-entropy"),
    ),
    Cure(
        "squared-error", "squared error", COMPARED, "The loss that is the squared distance from the labels.",
        _other_loss("squared-error"),
    ),
    Cure(
        "sigmoid-cross-entropy", "sigmoids, cross-entropy", "Loss",
        "A sigmoid at each output, whose slope is no factor of the gradient (Nielsen 2015, eq. 68).",
        _other_loss("sigmoid-cross-entropy"),
    ),
    Cure(
        "sigmoid-squared-error", "sigmoids, squared error", COMPARED,
        "A sigmoid at each output, whose slope is a factor of the gradient, so that saturated ones learn "
        "slowly.",
        _other_loss("sigmoid-squared-error"),
    ),
)  # fmt: skip

CURES = tuple(sorted(_EVERY, key=lambda cure: cure.group == COMPARED))
"""Every cure, in the order of the menu."""

BY_ID = {cure.id: cure for cure in CURES}
