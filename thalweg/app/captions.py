"""What figures say about themselves: axes, data, seed, scale, and how far a slice can be trusted. No Qt."""

from __future__ import annotations

from thalweg.app.state import AppState
from thalweg.core.messages import Map, Path

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


def network(state: AppState) -> str:
    """The network in a few words: ``784-30-30-30-10 sigmoid, seed 0``."""
    run = state.scene.run
    return f"{'-'.join(map(str, run.network.sizes))} {run.network.activation}, seed {run.seed}"


def optimiser(state: AppState) -> str:
    """The optimiser in a few words: ``SGD, learning rate 0.5, batch size 10``."""
    o = state.scene.run.optimiser
    momentum = f", momentum {o.momentum:g}" if o.momentum and o.name in ("sgd", "rmsprop") else ""
    name = {"sgd": "SGD", "adagrad": "AdaGrad", "rmsprop": "RMSProp", "adam": "Adam"}[o.name]
    return f"{name}, learning rate {o.learning_rate:g}{momentum}, batch size {o.batch_size}"


def landscape_heading(state: AppState) -> str:
    """The line above the landscape: what is drawn, at which step."""
    m = state.map
    return f"Loss landscape at step {m.step:,}" if m else "Loss landscape"


def landscape(state: AppState) -> str:
    """The landscape's caption: plane, units, data, scale, share of the movement, losses at the point."""
    if state.map_error:
        return state.map_error
    if state.started is None or state.map is None:
        return "The landscape appears here as soon as training data and network are loaded."
    m, s = state.map, state.started
    lines = [f"Plane {MODES[m.view.mode].format(laid=m.laid_step)}. {_units(m)}{_angle(m)}"]
    lines.append(
        f"{s.objective.capitalize()} of {network(state)}, mean over the first {m.examples:,} of {s.train_count:,} "
        f"training examples, on {_grid(m)}."
    )
    share = _share(state.path, m)
    lines.append(
        f"Loss here {m.loss_at_point:.4g}, at its projection onto the plane {m.loss_at_projection:.4g}{share}. "
        "□ start  ● now"
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
    return size if m.complete else f"{m.evaluated:,} points so far of {size}, cubic splines between"


def _share(path: Path | None, m: Map) -> str:
    if path is None or path.plane != m.plane or len(path.steps) < 2:
        return ""
    return f"; {100 * path.share:.2g} % of the squared distance moved since step {path.steps[0]:,} lies in the plane"


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
    number = state.scene.view.example
    if number >= len(state.started.labels):
        return f"training example {number}"
    return f"training example {number}: {state.started.labels[number]}"


def status(state: AppState) -> tuple[str, str, str, str, str]:
    """Step, epoch, steps per second, landscape pictures per second, device."""
    frame = state.frame
    step = f"step {frame.step:,}" if frame else "step –"
    epoch = f"epoch {frame.epoch:.2f}" if frame else "epoch –"
    rate = "paused"
    if frame and state.playing:
        digits = ",.0f" if frame.steps_per_second >= 1000 else ",.3g"
        rate = f"{frame.steps_per_second:{digits}} steps/s"
    maps = f"{maps_per_second(state):.1f} landscapes/s" if state.busy or state.playing else "landscape at rest"
    if state.settings.landscape_share == 0:
        maps = "landscapes off"
    return step, epoch, rate, maps, state.started.device if state.started else "–"


def maps_per_second(state: AppState) -> float:
    """Landscape pictures per second lately."""
    times = state.drawn
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
