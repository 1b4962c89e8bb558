"""What is said of the chain rule's factors: how they are defined, and what a layer makes of the signal. No Qt."""

from __future__ import annotations

from thalweg.app.captions import begun, network
from thalweg.app.factors import factors_of, typical
from thalweg.app.state import AppState

EVEN = 1.5
"""Layers that multiply the signal by no more than this, and by no less than its inverse, leave it steady."""


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
    return f"{said}: ×{ratio:.2g} for each layer back, {'vanishing' if ratio < 1 else 'exploding'}"


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
        return "The factors appear with the next measures."
    return (
        f"{begun(network(state))}. Signal of layer l: derivative of the loss by z_l, what the layer gives to its "
        "activation f; root mean square over the first 128 training examples. Each layer back, it is multiplied by the "
        "weights (W^T of the layer after) and by the activation's derivative f'(z). Jacobian: both together, "
        "and its singular values."
    )
