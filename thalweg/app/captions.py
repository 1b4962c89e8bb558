"""What figures say about themselves: axes, data, seed, scale, and how far a slice can be trusted. No Qt."""

from __future__ import annotations

from thalweg.app.state import AppState
from thalweg.core.messages import Map, Path
from thalweg.core.scene import RunSpec

MODES = {
    "fixed": "stays where it was laid at step {laid:,}",
    "follow": "passes through the current point, axes as laid at step {laid:,}",
    "re-aim": "is laid anew at the current point, step {laid:,}",
}

UNITS = {
    "distance": "1 = Euclidean distance 1 between parameter vectors",
    "filter norms": "1 = the norm of each unit's weights",
    "weight": "1 = a change of the weight by 1",
}


def _run(state: AppState) -> RunSpec:
    """The run that the pictures are of, which may not be the scene's yet."""
    return state.started.run if state.started else state.scene.run


def network(state: AppState) -> str:
    """The network in a few words: ``784-30-30-30-10 sigmoid, seed 0``."""
    run = _run(state)
    return f"{'-'.join(map(str, run.network.sizes))} {run.network.activation}, seed {run.seed}"


def optimiser(state: AppState) -> str:
    """The optimiser in a few words, and what was changed since: ``SGD, learning rate 0.5, batch size 10``."""
    o = _run(state).optimiser
    momentum = f", momentum {o.momentum:g}" if o.momentum and o.name in ("sgd", "rmsprop") else ""
    name = {"sgd": "SGD", "adagrad": "AdaGrad", "rmsprop": "RMSProp", "adam": "Adam"}[o.name]
    changes = f"; {'; '.join(state.retuned)}" if state.retuned else ""
    return f"{name}, learning rate {o.learning_rate:g}{momentum}, batch size {o.batch_size}{changes}"


def landscape_heading(state: AppState) -> str:
    """The line above the landscape: what is drawn, at which step."""
    m = state.map
    return f"Loss landscape at step {m.step:,}" if m else "Loss landscape"


def landscape(state: AppState) -> str:
    """The landscape's caption: plane, units, data, scale, share of the movement, losses at the point."""
    if state.map_error:
        return state.map_error
    if state.missing is not None:
        return ""
    if state.started is None:
        return "The landscape appears here as soon as training data and network are loaded."
    if state.map is None:
        return "The landscape is being computed." if state.settings.landscape_share else "Landscapes are switched off."
    m, s = state.map, state.started
    lines = [f"Plane {MODES[m.view.mode].format(laid=m.laid_step)}. {_units(m)}{_angle(m)}"]
    lines.append(
        f"{s.objective.capitalize()} of {network(state)}, mean over the first {m.examples:,} of {s.train_count:,} "
        f"training examples, on {_grid(m)}."
    )
    lines.append(
        f"Loss at step {m.step:,}: {m.loss_at_point:.4g}; at its projection onto the plane: "
        f"{m.loss_at_projection:.4g}. {_path(state.path, m)}"
    )
    return "\n".join(lines)


def _units(m: Map) -> str:
    distinct = list(dict.fromkeys(m.units))
    if len(distinct) == 1:
        return f"Both axes: {UNITS[distinct[0]]}."
    return f"Horizontal: {UNITS[m.units[0]]}; vertical: {UNITS[m.units[1]]}."


def _angle(m: Map) -> str:
    return "" if abs(m.cosine) < 0.01 else f" The axes are oblique (cosine {m.cosine:.2f}) but drawn at right angles."


def _grid(m: Map) -> str:
    size = f"{len(m.x)}×{len(m.y)} points"
    return size if m.complete else f"{m.evaluated:,} of {size} so far, interpolated between"


def _path(path: Path | None, m: Map) -> str:
    if path is None or path.plane != m.plane or len(path.steps) < 2:
        return ""
    return (
        f"Path, projected: □ step {path.steps[0]:,} to ● step {path.steps[-1]:,}; "
        f"{100 * path.share:.3g} % of the squared distance between them lies in the plane."
    )


def curves(state: AppState) -> str:
    """The curves' caption: what was measured on how many examples."""
    if state.started is None:
        return ""
    s = state.started
    return (
        f"Training: first {s.measured:,} of {s.train_count:,} examples; test: {s.test_count:,}. "
        f"{network(state)}; {optimiser(state)}."
    )


def gradient_norms(state: AppState) -> str:
    """The gradient norms' caption."""
    if state.started is None:
        return ""
    s = state.started
    return (
        f"Euclidean norm of the gradient of the mean {s.objective} over the first {s.measured:,} training examples, "
        f"weights and biases of each layer. {network(state)}."
    )


def weight_map(state: AppState) -> str:
    """The weight map's caption, with the honest name of the data."""
    if state.started is None or state.frame is None:
        return ""
    s = state.started
    return f"Euclidean norm of the {s.sizes[1]} weights that leave each pixel, step {state.frame.step:,}. {s.data}"


def example_label(state: AppState) -> str:
    """The label of the example beside the weight map."""
    if state.started is None:
        return ""
    number = min(state.scene.view.example, len(state.started.labels) - 1)
    return f"training example {number}: {state.started.labels[number]}"


def status(state: AppState) -> tuple[str, str, str, str, str]:
    """Step, epoch, steps per second, landscape pictures per second, device."""
    frame = state.frame
    step = f"step {frame.step:,}" if frame else "step –"
    epoch = f"epoch {frame.epoch:.2f}" if frame else "epoch –"
    rate = "loading" if state.started is None and not state.missing and not state.sentence else "paused"
    if frame and (state.playing or state.stepping):
        digits = ",.0f" if frame.steps_per_second >= 1000 else ",.3g"
        rate = f"{frame.steps_per_second:{digits}} steps/s"
    maps = f"{maps_per_second(state):.1f} landscapes/s" if state.busy or state.playing else "landscape at rest"
    if state.settings.landscape_share == 0 or "landscape" not in state.scene.view.panels:
        maps = "landscapes off"
    return step, epoch, rate, maps, state.started.device if state.started else "–"


def maps_per_second(state: AppState) -> float:
    """Landscape pictures per second lately."""
    times = state.drawn
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
