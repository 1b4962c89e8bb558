"""What is said of the chain rule's factors: how they are defined, and what a layer makes of the signal. No Qt."""

from __future__ import annotations

from fractions import Fraction

from thalweg.app.captions import begun, network
from thalweg.app.factors import factors_of, typical
from thalweg.app.state import AppState
from thalweg.core.scene import NetworkSpec
from thalweg.core.scene.spec import extra_of

EVEN = 1.5
"""Layers that multiply the signal by no more than this, and by no less than its inverse, leave it steady."""


MUCH = 10.0
"""Over all layers, the signal vanishes where it is divided by more than this, and explodes where it is multiplied."""


def heading(state: AppState) -> str:
    """The line above the factors: what a layer makes of the signal in the mean."""
    found = factors_of(state.frame.series, state.frame.step) if state.frame else None
    if found is None:
        return "Chain rule"
    said = f"Chain rule at step {found.step:,}"
    ratio = typical(found)
    if not 0 < ratio < float("inf"):
        return said
    if 0.9 < ratio < 1.1:
        uneven = not ((found.products > 1 / EVEN) & (found.products < EVEN)).all()
        return f"{said}: ×{ratio:.2g} for each layer back in the mean, {'but uneven' if uneven else 'steady'}"
    whole = ratio ** (len(found.signal) - 1)
    words = (
        "vanishing" if whole < 1 / MUCH else "shrinking" if whole < 1 else "growing" if whole < MUCH else "exploding"
    )
    return f"{said}: ×{ratio:.2g} for each layer back, {words}"


def bound(state: AppState) -> str:
    """What the activation's derivative is at most, and of which activation; nothing where there are no factors."""
    found = factors_of(state.frame.series, state.frame.step) if state.frame else None
    if found is None or not len(found.by_link["bound"]):
        return ""
    labels = extra_of(NetworkSpec.model_fields["activation"])["labels"]
    return f"≤ {fraction(float(found.by_link['bound'].max()))} ({uncapitalised(labels[state.spec.network.activation])})"


def fraction(value: float) -> str:
    """A number as a fraction of small numbers, where it is one, to four digits.

    >>> fraction(0.25), fraction(1.0), fraction(1.1289)
    ('1/4', '1', '1.13')
    """
    near = Fraction(value).limit_denominator(9)
    return str(near) if abs(near - value) < 5e-5 else f"{value:.3g}"


def uncapitalised(label: str) -> str:
    """The name of an activation within a line, without its constant.

    >>> [uncapitalised(label) for label in ("Sigmoid", "Leaky ReLU (0.01)", "ReLU", "Hard tanh")]
    ['sigmoid', 'leaky ReLU', 'ReLU', 'hard tanh']
    """
    first, *others = label.partition(" (")[0].split(" ")
    return " ".join([first.lower() if first.istitle() else first, *others])


def caption(state: AppState) -> str:
    """What the factors are, on which examples, and of which networks there are any."""
    if state.started is None or state.frame is None:
        return ""
    if factors_of(state.frame.series, state.frame.step) is None:
        n = state.spec.network
        if n.kind != "mlp" or n.hidden_norm != "none" or n.hidden_skips or n.supervised:
            return (
                "Taken apart for fully connected networks without normalisation, skip connections or auxiliary loss "
                "alone."
            )
        steps = state.frame.series.get("step")
        if steps is not None and len(steps) and state.frame.step < steps[0]:
            return f"Of this line, measures begin at step {steps[0]:,}, where it left another with a layer put back."
        return "The factors appear with the next measures."
    most = f", {said}" if (said := bound(state)) else ""
    return (
        f"{begun(network(state))}. Signal of layer l: derivative of the loss by z_l, what the layer gives to its "
        "activation f; root mean square over the first 128 training examples. Each layer back, it is multiplied by the "
        "weights (W^T of the layer after) and by the activation's derivative "
        f"f'(z){most}. Jacobian: both together, and its singular values. The gradient of a layer's weights has what "
        "comes into the layer as a factor besides."
    )
