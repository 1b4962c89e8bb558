"""What is said of the strip of layers and steps: the quantity, its examples, its range, and what it costs. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thalweg.app.captions import minimised
from thalweg.app.overlay import DrawnLine, fans_of, lines_of
from thalweg.app.state import AppState
from thalweg.app.strip import PERCENTILES, Strip, robust_range, strip_of
from thalweg.app.surface_captions import is_surface
from thalweg.core.measures.nielsen import speeds
from thalweg.core.messages import MEASURE_SHARE
from thalweg.core.scene.depth import (
    ACTIVATION_EXAMPLES,
    BY_TIME,
    COSTLY,
    CURVATURE_EXAMPLES,
    FLAT,
    NOISE_BATCH,
    NOISE_BATCHES,
    DepthQuantity,
    DepthSpec,
)
from thalweg.core.scene.layers import buffer_count, time_steps
from thalweg.core.scene.spec import extra_of

KINDS: dict[DepthQuantity, str] = {
    "gradient": "gradient",
    "speed": "gradient",
    "ratio": "sizes",
    "weight": "sizes",
    "mean": "activations",
    "spread": "activations",
    "saturated": "activations",
    "dead": "activations",
    "noise": "noise",
    "curvature": "curvature",
    "state": "state",
    "cell": "cell",
}
"""By which measurement each quantity is found, as :attr:`Frame.costs` names it."""

ALIKE = 1.1
"""Ratio below which two gradients are called about as large."""


def title(quantity: DepthQuantity) -> str:
    """What a quantity is called.

    >>> title("noise")
    'Gradient noise scale'
    """
    return str(extra_of(DepthSpec.model_fields["quantity"])["labels"][quantity])


def axis(state: AppState) -> str:
    """The quantity with its unit, for axes."""
    quantity = state.scene.view.depth.quantity
    unit = state.started.unit if state.started else "1"
    unit = "" if unit == "1" else unit
    units: dict[DepthQuantity, str] = {
        "gradient": f"{unit} per unit of distance".strip() if unit else "",
        "speed": f"{unit} per unit of bias" if unit else "",
        "curvature": f"{unit} per distance²" if unit else "",
        "noise": "examples",
        "state": f"{unit} per unit of the state" if unit else "",
        "cell": f"{unit} per unit of the cell" if unit else "",
    }
    found, name = units.get(quantity, ""), title(quantity).lower()
    return f"{name} ({found})" if found else name


def heading(state: AppState) -> str:
    """The line above the strip."""
    spec = state.scene.view.depth
    return f"{title(spec.quantity)}: {'rows over training steps' if spec.by_time else 'layers over steps'}"


def caption(state: AppState) -> str:
    """What is drawn, where; on how many examples; the range of the colours; what measuring takes."""
    if state.started is None or state.frame is None:
        return ""
    spec, front = state.scene.view.depth, next(m for m in lines_of(state) if m.front)
    found = strip_of(front, spec.quantity)
    if not found.known:
        return _nothing(state)
    at = int(found.steps[found.nearest(state.frame.step)])
    lines = lines_of(state)
    one = f"; strip: {front.name}" if fans_of(lines) else ""
    of = (
        "; strips, as many as there is room for, have one scale of colours"
        if len({m.style for m in lines}) > 1
        else one
    )
    where = (
        f"Right: over the time steps at training step {at:,}; below: row {spec.layer} over the training steps"
        if spec.by_time
        else f"Right: over the layers at step {at:,}; below: layer {spec.layer} over the steps"
    )
    return (
        f"{_reach(found, at, spec)}{_definition(state, spec.quantity)} {where}{of}. {_bands(lines)}{_range(state)}"
        f"{_gaps(found)}{_statistics(state)}{_cost(state)}"
    )


def _statistics(state: AppState) -> str:
    """That normalised networks are not seen as they are trained, in the first steps above all."""
    runs = state.started.runs if state.started else ()
    said = "Batch norm is measured with its running mean and variance, which follow those of the batches slowly. "
    return said if any(buffer_count(run.network) for run in runs) else ""


def _bands(lines: Sequence[DrawnLine]) -> str:
    """What the bands are, where there are any."""
    counts = [f"{len(members)} seeds" for members in fans_of(lines).values()]
    return f"Curve and band: median and range of {' and of '.join(counts)}. " if counts else ""


def _reach(found: Strip, at: int, spec: DepthSpec) -> str:
    """How much of the last time step's gradient the first has; nothing of layers, whose sizes differ."""
    if not spec.by_time:
        return ""
    values = found.values[:, found.nearest(at)]
    first, last = float(values[0]), float(values[-1])
    if not (0 < first < np.inf and 0 < last < np.inf):
        return ""
    ratio, said = (last / first, "smaller") if last >= first else (first / last, "larger")
    much = "about as large as" if ratio < ALIKE else f"{float(f'{ratio:.3g}'):,g} times {said} than"
    return f"After row {found.numbers[0]} the gradient is {much} after row {found.numbers[-1]} at step {at:,}. "


def _nothing(state: AppState) -> str:
    """Why there is nothing to draw."""
    quantity = state.scene.view.depth.quantity
    if quantity in BY_TIME and not time_steps(state.spec.network):
        return f"{title(quantity)}: only an LSTM reads the image row by row, each row a time step."
    if is_surface(state) and quantity not in ("gradient", *COSTLY):
        return f"{title(quantity)}: a surface has none. Its gradient is measured."
    if quantity in COSTLY and "depth" not in state.scene.view.panels:
        return f"{title(quantity)}: it is measured while the panel is open."
    return f"{title(quantity)}: not measured so far."


def _definition(state: AppState, quantity: DepthQuantity) -> str:
    assert state.started is not None
    measured, objective = state.started.measured, state.started.objective
    lstm = " Of an LSTM: its states after all rows." if state.spec.network.kind == "lstm" else ""
    batch = min(NOISE_BATCH, measured // 2) or 1
    outputs = f"{min(measured, ACTIVATION_EXAMPLES):,} training examples"
    return {
        "gradient": f"Euclidean norm of the gradient of {minimised(state)} in each layer, weights and biases, over "
        f"the first {measured:,} training examples.",
        "speed": f"Speed of learning (Nielsen 2015): norm of the gradient of {minimised(state)} with respect to each "
        f"layer's biases, over the first {measured:,} training examples.{_nielsen(state)}",
        "ratio": "Norm of what the last step changed in each layer, over the layer's norm before it.",
        "weight": "Euclidean norm of each layer's weights, without biases.",
        "mean": f"Mean output of each layer's units after the nonlinearity, over {outputs}.{lstm}",
        "spread": f"Standard deviation of the outputs after the nonlinearity, over units and {outputs}.{lstm}",
        "saturated": f"Share of units and examples where the nonlinearity's slope is below {FLAT:g} times its "
        f"greatest, over {outputs}.",
        "dead": f"Share of units that are exactly 0 for all of {outputs}.",
        "noise": "Simple gradient noise scale: variance of one example's gradient over the squared gradient, in "
        f"examples; with larger batches than that noise is small. From {min(NOISE_BATCHES, measured // batch)} batches "
        f"of {batch} (McCandlish et al. 2018).",
        "curvature": f"Largest eigenvalue of each layer's block of the Hessian of the mean {objective} over the first "
        f"{min(measured, CURVATURE_EXAMPLES):,} training examples, to a few per cent.",
        "state": f"Norm of dC/dh_t, the derivative of an example's {objective} by the hidden state after each row of "
        f"the image, which is a time step, through all rows that follow: root mean square over {outputs}.",
        "cell": f"Norm of dC/dc_t, the derivative of an example's {objective} by the cell's state after each row of "
        f"the image, which is a time step, through its own output and all rows that follow: root mean square over "
        f"{outputs}.",
    }[quantity]


def _nielsen(state: AppState) -> str:
    if not reference(state):
        return ""
    said = " ◇: what Nielsen's book measured at the hidden layers of a network of these sizes before its first step."
    if state.spec.objective.loss == "sigmoid-cross-entropy":
        return said
    return (
        f"{said} Its outputs are sigmoids and their errors larger: compare how the marks fall from layer to layer, not "
        "their place."
    )


def reference(state: AppState) -> tuple[float, ...]:
    """What a textbook has measured of the first layers before the first step, where the quantity is that; or none."""
    return speeds(state.spec.network) if state.scene.view.depth.quantity == "speed" else ()


def _range(state: AppState) -> str:
    spec = state.scene.view.depth
    if spec.lock:
        return "Range of colours: locked. "
    found = robust_range([strip_of(m, spec.quantity) for m in lines_of(state)], spec.logarithmic)
    low, high = PERCENTILES
    said = f"Range of colours: {low:.0f}nd to {high:.0f}th percentile. "
    return said if found is not None else ""


def _gaps(found: Strip) -> str:
    """What cells without a colour are, where there are any."""
    crossed = not np.isfinite(found.values).all()
    blank = len(found.numbers) < found.numbers[-1] - found.numbers[0] + 1
    said = {"Crossed out: not finite. ": crossed, "Blank: layers without a nonlinearity of their own. ": blank}
    return "".join(words for words, true in said.items() if true)


def _cost(state: AppState) -> str:
    """What a measurement takes beside a bare step, and how much of the time all of them take."""
    assert state.frame is not None
    costs, quantity = state.frame.costs, state.scene.view.depth.quantity
    step, took = costs.get("step", 0.0), costs.get(KINDS[quantity], 0.0)
    if not step > 0 or not took > 0:
        return ""
    share = f"{100 * MEASURE_SHARE:.0f} %"
    whole = (
        f"it gets at most {share} of the time"
        if quantity in COSTLY
        else f"all measures get at most {share} of the time"
    )
    return f"One measurement takes as long as {took / step:.2g} steps; while training runs flat out, {whole}."
