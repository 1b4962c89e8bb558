"""What figures say about themselves: axes, data, seed, scale, and how far a slice can be trusted. No Qt."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, pairwise

import numpy as np

from thalweg.app import inside, surface_captions
from thalweg.app.changes import differences, value_shown, worded
from thalweg.app.overlay import AGAINST, last_measured, lines_of
from thalweg.app.state import AppState
from thalweg.app.surface_captions import CAVEAT, is_noisy, is_surface
from thalweg.core.landscape.slope import full_slope
from thalweg.core.messages import Map, Path, Started
from thalweg.core.scene import NetworkSpec
from thalweg.core.scene.layers import buffer_count
from thalweg.core.scene.training import NESTEROV, OPTIMISERS, WITH_LINE_SEARCH
from thalweg.core.scene.view import MAP_PANELS

MODES = {
    "fixed": "stays where it was laid at step {laid:,}",
    "follow": "passes through the current point, axes as laid at step {laid:,}",
    "re-aim": "is laid anew at the current point, step {laid:,}",
}

LOWEST = " What is below 1e-16 of the largest is drawn there."

PALER = "Paler: the same on test examples."

MOST_TOLD = 6
"""Lines whose accuracy is told in words."""

_ACTIVATIONS = {"relu": "ReLU", "leaky-relu": "leaky ReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU",
                "hard-tanh": "hard tanh"}  # fmt: skip
"""Those that are written otherwise than they are named."""

_STARTS = {
    "fan-in": "",
    "normal": "N(0, 1) weights",
    "lecun": "LeCun weights",
    "xavier": "Xavier weights",
    "he": "He weights",
    "torch-uniform": "uniform weights",
    "xavier-uniform": "uniform Xavier weights",
    "he-uniform": "uniform He weights",
    "orthogonal": "orthogonal weights",
    "lsuv": "LSUV weights",
    "identity": "identity weights",
}

UNITS = {
    "distance": "1 = Euclidean distance 1 between parameter vectors",
    "filter norms": "1 = the norm of each unit's weights",
    "layer norms": "1 = the norm of each layer's weights",
    "standard deviations": "1 = a standard deviation of 1 of each parameter",
    "of the way": "0 = here, 1 = the point that it leads to",
    "weight": "1 = a change of the weight by 1",
    "value": "the parameter's own value",
}


def network(state: AppState) -> str:
    """The network in a few words: ``784-30-30-30-10 sigmoid, seed 0``."""
    run = state.spec
    if run.network.kind == "surface":
        return architecture(run.network) + f", seed {run.seed}" * is_noisy(state)
    return f"{architecture(run.network)}, seed {run.seed}"


def architecture(n: NetworkSpec) -> str:
    """The architecture in a few words.

    >>> architecture(NetworkSpec(kind="residual", skips=False, activation="relu"))
    'residual network, 2 blocks of 16 channels, no skips, batch norm, ReLU'
    """
    name, start = _ACTIVATIONS.get(n.activation, n.activation), _start(n)
    match n.kind:
        case "mlp":
            norm = f", {n.hidden_norm} norm" if n.hidden_norm != "none" and n.hidden else ""
            skips = ", skips" if n.hidden_skips and any(i == o for i, o in pairwise(n.sizes[:-1])) else ""
            auxiliary = f", auxiliary loss × {n.auxiliary:g}" if n.supervised else ""
            return f"{_sizes(n)} {name}{norm}{skips}{auxiliary}{start}"
        case "cnn":
            return f"convolutional network, {'-'.join(map(str, n.channels))} filters, {name}{start}"
        case "residual":
            blocks = f"{n.blocks} block{'s' if n.blocks > 1 else ''} of {n.width} channel{'s' if n.width > 1 else ''}"
            options = f"{'' if n.skips else ', no skips'}{', batch norm' if n.batch_norm else ', no batch norm'}"
            return f"residual network, {blocks}{options}, {name}{start}"
        case "surface":
            noise = f", gradient noise {n.noise:g}" if n.surface == "noisy-ravine" else ""
            return f"C(x, y) = {_written(n.function)}{noise}"
        case "lstm":
            return f"LSTM over rows, {n.units} unit{'s' if n.units > 1 else ''}{start}"


def _sizes(n: NetworkSpec) -> str:
    """Units of every layer; those of many layers alike are counted.

    >>> _sizes(NetworkSpec(hidden=(30,) * 50))
    '784-50×30-10'
    """
    groups = [(size, len(list(alike))) for size, alike in groupby(n.sizes)]
    return "-".join(f"{count}×{size}" if count > 5 else "-".join([str(size)] * count) for size, count in groups)


def _start(n: NetworkSpec) -> str:
    """How the weights begin, where it is not the usual way.

    >>> _start(NetworkSpec(initialisation="orthogonal", gain=1.5))
    ', orthogonal weights × 1.5'
    """
    words = f"weights {n.constant:g}" if n.initialisation == "constant" else _STARTS[n.initialisation]
    scale = "" if n.gain == 1 else f" × {n.gain:g}"
    return f", {words or 'weights'}{scale}" if words or scale else ""


def _written(formula: str) -> str:
    """A formula as it is printed.

    >>> _written("100*x**2 + y**2")
    '100·x² + y²'
    """
    formula = formula.replace("**", "^").replace("*", "·")
    return re.sub(r"\^([23])(?![\d.])", lambda power: {"2": "²", "3": "³"}[power[1]], formula)


def _the(state: AppState) -> str:
    return "" if state.spec.network.kind == "mlp" else "the "


def begun(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def statistics(state: AppState) -> str:
    """Which mean and variance a normalised network is measured with; nothing for others."""
    return " Batch norm takes its running mean and variance here." if buffer_count(state.spec.network) else ""


def _map_statistics(state: AppState, m: Map) -> str:
    """The same for a map, which may have them estimated at each of its points."""
    if m.view.statistics == "stored" or not buffer_count(state.spec.network):
        return statistics(state)
    return (
        " Batch norm takes mean and variance of these examples anew at each grid point; the two losses below are with "
        "its running ones."
    )


def optimiser(state: AppState) -> str:
    """The optimiser in a few words, and what was changed since: ``SGD, learning rate 0.5, batch size 10``."""
    o = state.line.changes[0][1] if state.line else state.spec.optimiser
    momentum = f", momentum {o.momentum:g}" if o.momentum and o.name in ("sgd", "nesterov", "rmsprop") else ""
    name = OPTIMISERS[o.name]
    momentum += f", layer rates {', '.join(f'{rate:g}' for rate in o.layer_rates)}" if o.layer_rates else ""
    momentum += f", momentum {NESTEROV:g}" if o.name == "nesterov" and not o.momentum else ""
    momentum += f", gradient clipped at {o.clip:g}" if o.clip else ""
    momentum += f", L2 penalty {o.l2:g}" if o.l2 and state.spec.network.kind != "surface" else ""
    momentum += f", weight decay {o.decay:g}" if o.name == "adamw" else ""
    momentum += f", damping {o.damping:g}" if o.name in ("newton", "gauss-newton") else ""
    momentum += _schedule(state)
    changes = "".join(f"; {note}" for note in _changes(state)[-3:])
    batches = f", batch size {o.batch_size}" if is_noisy(state) else ""
    rate = "first length" if o.name in WITH_LINE_SEARCH else "learning rate"
    return f"{name}, {rate} {o.learning_rate:g}{momentum}{batches}{changes}"


def _schedule(state: AppState) -> str:
    """How the learning rate goes on from step to step, and what it is now; nothing where it stays."""
    o, step = state.optimiser_now, state.line.step if state.line else 0
    share = f"{100 * o.schedule_share:.3g} %"
    words = {
        "constant": "",
        "step": f"times {o.schedule_share:g} every {o.schedule_steps:,} steps",
        "exponential": f"times {o.schedule_share:g} in {o.schedule_steps:,} steps, little by little",
        "cosine": f"along a cosine to {share} at step {o.schedule_steps:,}",
        "warm-up": f"warm-up from {share} to step {o.schedule_steps:,}",
        "one-cycle": f"one cycle to step {o.schedule_steps:,}",
    }[o.schedule]
    return f", {words} ({o.rate_at(step):.3g} at step {step:,})" if words else ""


def _changes(state: AppState) -> list[str]:
    """What was changed on the way of the line in front, and from which step."""
    changes = state.line.changes if state.line else ()
    return [
        f"{worded(f'run.optimiser.{path}')} {value_shown(getattr(now, path))} from step {step:,}"
        for (_, before), (step, now) in pairwise(changes)
        for path in differences(before, now)
    ]


def _several(state: AppState, paler: str = "") -> str:
    """What is said of the lines that are drawn together; nothing of one alone."""
    lines = lines_of(state)
    if len(lines) < 2:
        return ""
    fans = Counter(line.fan for line in lines if line.fan >= 0)
    bands = [f"{count} seeds" for count in fans.values() if count > 1]
    said = [f"{len(lines)} lines of training; in front: {next(m.name for m in lines if m.front)}."]
    if bands:
        said.append(f"Curve and band: median and range of {' and of '.join(bands)}.")
    if paler and len(lines) > sum(fans.values()):
        said.append(paler)
    return " " + " ".join(said)


def landscape_heading(state: AppState) -> str:
    """The line above the landscape: what is drawn, at which step."""
    if state.inside is not None and state.map is not None:
        return inside.heading(state)
    m, name = state.map, f"{state.scene.view.plane.quantity.capitalize()} landscape"
    if m is not None and m.surface:
        return surface_captions.heading(state)
    if m is None:
        return name
    part = state.zoom is not None and ((m.x[0], m.x[-1]), (m.y[0], m.y[-1])) == state.zoom
    before = ", of the axes before" if state.map_error else ""
    return f"{name} at step {m.step:,}{before}{', zoomed in' * part}"


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
    beside = surface_captions.rings(state, state.map) + _others_paths(state, state.map)
    text = _of_map(state, state.map, state.started, _quantity(state), _arrows(state, state.map), beside)
    phase = inside.phase_of(state)
    return f"{phase.note}\n{text}" if phase and phase.note else text


def _of_map(state: AppState, m: Map, s: Started, quantity: str, arrows: str, others: str = "") -> str:
    """What is said of a map, whichever of its values are drawn, and how."""
    lines = [f"Plane {MODES[m.view.mode].format(laid=m.laid_step)}. {_details(m)}{_units(m)}{_angle(m)}"]
    if m.surface:
        way = surface_captions.way(state, m, begun(optimiser(state)))
        return "\n".join([f"{network(state)}, on {_grid(m)}.{arrows}", way + others, CAVEAT])
    if is_surface(state):
        lines.append(f"{network(state)}, on {_grid(m)}.{arrows} {_path(state.path, m)}{others}")
        return "\n".join([*lines, CAVEAT])
    lines.append(
        f"{quantity} of {_the(state)}{network(state)}, mean over the first {m.examples:,} of "
        f"{s.train_count:,} training examples, on {_grid(m)}.{_map_statistics(state, m)}{arrows}"
    )
    lines.append(
        f"Loss at step {m.step:,}: {m.loss_at_point:.4g}; at its projection onto the plane: "
        f"{m.loss_at_projection:.4g}. {_path(state.path, m)}{others}"
    )
    return "\n".join(lines)


def surface_heading(state: AppState) -> str:
    """The line above the surface: what is drawn, at which step."""
    m = state.map
    if m is not None and m.surface:
        return surface_captions.heading(state)
    return f"Loss surface at step {m.step:,}" if m else "Loss surface"


def surface(state: AppState) -> str:
    """The surface's caption: the landscape's, and what drawing it in space adds."""
    m, path, s = state.map, state.path, state.started
    if m is None or s is None or state.missing is not None or state.map_error:
        return landscape(state)
    text = _of_map(state, m, s, s.objective.capitalize(), "")
    lost = int((~np.isfinite(m.loss)).sum())
    if lost:
        text += f"\nHoles: at {lost:,} of {m.loss.size:,} points the loss is not finite."
    if path is None or path.plane != m.plane:
        return text
    text += (
        "\nThe path's height is the loss drawn at its projection, not the run's own; dashed where the surface hides it."
    )
    beside = ~((path.alpha >= m.x[0]) & (path.alpha <= m.x[-1]) & (path.beta >= m.y[0]) & (path.beta <= m.y[-1]))
    return text + " What leaves the axes is not drawn." * bool(beside.any())


def _details(m: Map) -> str:
    """What the axes' labels say in brackets, which they leave out where there is no room."""
    found = {}
    for name, label in zip(("horizontal", "vertical"), m.labels, strict=True):
        if label.endswith(")"):
            found[name] = label.rpartition(" (")[2].removesuffix(")")
    text = "; ".join(f"{name}: {inside}" for name, inside in found.items())
    return f"{text[0].upper()}{text[1:]}. " if text else ""


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


def _quantity(state: AppState) -> str:
    assert state.started is not None
    return "Accuracy" if state.scene.view.plane.quantity == "accuracy" else state.started.objective.capitalize()


def _arrows(state: AppState, m: Map) -> str:
    """What the arrows are, and the scale of their lengths; nothing where none are drawn."""
    full = full_slope(m.x, m.y, m.loss) if state.scene.view.plane.arrows else 0.0
    if not full > 0:
        return ""
    unit = state.started.unit if state.started else "1"
    return (
        " Arrows: downhill slope of the loss in this plane's coordinates, not the network's whole gradient; "
        f"length as its square root, full from {full:.3g}{' ' + unit if unit != '1' else ''} per unit on."
    )


GLYPHS = ("──", "╌╌", "┈┈", "─·─", "─··─")
"""How the line styles look in a caption."""

MARKS = "●■▲◆⬟⬢★"
"""How the markers of the styles look there."""


def _glyph(style: int) -> str:
    """How a line of training is drawn on the map."""
    return f"{GLYPHS[style % len(GLYPHS)]}{MARKS[style % len(MARKS)]}"


def _others_paths(state: AppState, m: Map) -> str:
    """What is said of the other lines' paths on the map."""
    lines = [line for line in lines_of(state) if not line.front and line.path and line.path.plane == m.plane]
    if not lines:
        return ""
    fans = {line.style for line in lines if line.fan >= 0}
    named = [f"{_glyph(line.style)} {line.name}" for line in lines if line.style not in fans]
    named += [f"{_glyph(style)} other seeds" for style in sorted(fans)]
    front = next(line.name for line in lines_of(state) if line.front)
    return f" White: {front}; coloured, on the same plane: {', '.join(named)}."


def _path(path: Path | None, m: Map) -> str:
    if path is None or path.plane != m.plane or len(path.steps) < 2:
        return ""
    return (
        f"Path, projected: □ step {path.steps[0]:,} to ● step {path.steps[-1]:,}; "
        f"{100 * path.share:.3g} % of the squared distance between them lies in the plane."
    )


def curves_heading(state: AppState) -> str:
    """The line above the curves."""
    return "C(x, y) along the way" if is_surface(state) else "Loss, and accuracy below"


def measured_on(state: AppState) -> str:
    """On which examples the curves that are drawn were measured: a surface has no others to test it on."""
    return "training" if is_surface(state) else state.scene.view.measured_on


def curves(state: AppState) -> str:
    """The curves' caption: what was measured on how many examples."""
    if state.started is None:
        return ""
    s = state.started
    if is_surface(state):
        said = f"{surface_captions.dots(state)}{_against(state)}{_several(state)}{LOWEST * state.scene.view.log_loss}"
        said += f" {CAVEAT}" * (len(lines_of(state)) > 1)
        return f"{network(state)}; {optimiser(state)}.{said}"
    return (
        f"{_right(state)}Training: first {s.measured:,} of {s.train_count:,} examples; test: {s.test_count:,}. "
        f"{begun(network(state))}; {optimiser(state)}.{_against(state)}{statistics(state)}"
        f"{_several(state, PALER if state.scene.view.measured_on == 'both' else '')}"
    )


def _right(state: AppState) -> str:
    """How much each line classifies right at its step, where there are a few: a number says what curves may not."""
    lines = [line for line in lines_of(state) if len(line.series.get("step", ())) and not line.ended]
    on = "training" if measured_on(state) == "training" else "test"
    name = "train_accuracy" if on == "training" else "test_accuracy"
    if not lines or len(lines) > MOST_TOLD or any(name not in line.series for line in lines):
        return ""
    found = []
    for line in lines:
        at = last_measured(line.series["step"], line.step)
        found.append((line.name, int(line.series["step"][at]), f"{100 * line.series[name][at]:.3g} %"))
    together = len({step for _, step, _ in found}) == 1
    when = f" at step {found[0][1]:,}" if together else ""
    each = [f"{share}{'' if together else f' (step {step:,})'}" for _, step, share in found]
    told = ", ".join(own if len(found) == 1 else f"{line} {own}" for (line, *_), own in zip(found, each, strict=True))
    return f"Accuracy on the {on} examples{when}: {told}. "


def _against(state: AppState) -> str:
    """What the curves' horizontal axis counts where it is not steps, and of which lines that is not known."""
    choice = state.scene.view.against
    if choice == "steps":
        return ""
    said = {
        "evaluations": "gradient evaluations; a product with the Hessian counts as one",
        "seconds": "time of the training steps alone, on the machine that took them",
    }
    lines = [line for line in lines_of(state) if line.series]
    without = [line.name for line in lines if AGAINST[choice] not in line.series]
    which = f": {', '.join(without)}" if len(without) < len(lines) else ""
    return f" Horizontal: {said[choice]}." + f" Not recorded in this file{which}." * bool(without)


def gradient_norms(state: AppState) -> str:
    """The gradient norms' caption."""
    if state.started is None:
        return ""
    s = state.started
    if is_surface(state):
        return f"Size of the partial derivatives of {network(state)}; {optimiser(state)}.{_several(state)}{LOWEST}"
    return (
        f"Euclidean norm of the gradient of {minimised(state)} over the first {s.measured:,} training examples, "
        f"{_parts(state.spec.network)} of each layer. {begun(network(state))}.{statistics(state)}{_several(state)}"
    )


def minimised(state: AppState) -> str:
    """What the gradients that are measured are of, as a part of a sentence."""
    assert state.started is not None
    mean = f"the mean {state.started.objective}"
    there = any(run.network.supervised for run in state.started.runs)
    return f"{mean}, auxiliary losses included where there are any," if there else mean


def _parts(n: NetworkSpec) -> str:
    """What a layer's gradient is taken with respect to."""
    normed = n.kind == "mlp" and n.hidden_norm != "none" and n.hidden
    return "weights, biases and normalisation" if normed else "weights and biases"


def weight_map(state: AppState) -> str:
    """The weight map's caption, with the honest name of the data."""
    if state.started is None or state.frame is None:
        return ""
    s, network = state.started, state.spec.network
    if network.kind != "mlp":
        return s.data
    count = network.sizes[1]
    return f"Euclidean norm of the {count} weights that leave each pixel, step {state.frame.step:,}. {s.data}"


def no_weight_map(state: AppState) -> str:
    """Why there is no weight map to be drawn; nothing where there is one."""
    match state.spec.network.kind:
        case "mlp":
            return ""
        case "surface":
            return "A surface has no pixels."
        case "lstm":
            return "This network reads the image row by row: every row has the same weights, so no pixel has its own."
        case _:
            return "This network's first layer is a convolution: every pixel has the same weights."


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
    if is_surface(state) and not is_noisy(state):
        epoch = ""
    rate = "loading" if state.started is None and not state.missing and not state.sentence else "paused"
    if frame and (state.playing or state.stepping):
        digits = ",.0f" if frame.steps_per_second >= 1000 else ",.3g"
        rate = f"{frame.steps_per_second:{digits}} steps/s"
    maps = f"{maps_per_second(state):.1f} landscapes/s" if state.busy or state.playing else "landscape at rest"
    if state.busy and (on_the_way := state.map_progress):
        left = on_the_way.seconds_left
        time_left = f", about {max(1, round(left)):,} s left" if left < float("inf") else ""
        maps = f"landscape {100 * on_the_way.done / on_the_way.total:.0f} %{time_left}"
    if state.settings.landscape_share == 0 or not set(MAP_PANELS) & set(state.scene.view.panels):
        maps = "landscapes off"
    return step, epoch, rate, maps, state.started.device if state.started else "–"


def maps_per_second(state: AppState) -> float:
    """Landscape pictures per second lately."""
    times = state.drawn
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
