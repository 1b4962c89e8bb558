"""Inside one step: its phases, each with a sentence, its formula with the numbers put in, and its arrows. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterator

from thalweg.app.state import AppState
from thalweg.app.surface_captions import is_noisy
from thalweg.app.telling import LEGIBLE, ROUNDED, Arrow, Phase, Telling, Words, number, pair, shown, squared, tip
from thalweg.core.messages import Dissected, Map
from thalweg.core.scene import OptimiserSpec
from thalweg.core.scene.training import NESTEROV, WITH_LINE_SEARCH


def words_of(state: AppState) -> Words:
    """The words for what a state shows."""
    run = state.spec
    surface = run.network.kind == "surface"
    unit = state.started.unit if state.started else "1"
    return Words(
        "C" if surface else "L",
        ("x", "y") if surface and state.scene.view.plane.is_coordinates else ("α", "β"),
        surface and state.scene.view.plane.is_coordinates,
        is_noisy(state) and (not surface or run.network.noise > 0),
        run.network.supervised,
        state.scene.view.plane.examples,
        f" {unit}" if unit != "1" else "",
    )


def phases_of(state: AppState) -> tuple[Phase, ...]:
    """The phases of the step that a state is inside of; none where it is not, or is not known yet."""
    d, m = state.one_step, state.map
    return phases(d, words_of(state), span_of(m, state)) if d is not None and m is not None else ()


def span_of(m: Map, state: AppState) -> float:
    """The shorter side of what is seen of the map."""
    x, y = state.zoom or ((m.x[0], m.x[-1]), (m.y[0], m.y[-1]))
    return float(min(x[1] - x[0], y[1] - y[0]))


def phase_of(state: AppState) -> Phase | None:
    """The phase that is shown."""
    found = phases_of(state)
    return found[min(state.inside or 0, len(found) - 1)] if found else None


def heading(state: AppState) -> str:
    """The lines above the map: which phase this is, its sentence, and its formula."""
    found, number = phases_of(state), state.inside or 0
    if not found:
        return "Inside one step: it is being taken apart"
    number, step = min(number, len(found) - 1), state.one_step.step if state.one_step else 0
    phase = found[number]
    return f"Inside step {step + 1:,} · {number + 1} of {len(found)} · {phase.title}: {phase.sentence}\n{phase.formula}"


def phases(d: Dissected, words: Words, span: float) -> tuple[Phase, ...]:
    """All phases of a step, in order; ``span``: the shorter side of the map."""
    t = Telling(d, words, span)
    return (_slopes(t), _gradient(t), *_penalty(t), *_clipping(t), *_method(t), *_layers(t), _step(t), _landing(t))


# --- the phases ------------------------------------------------------------------------------------------------------


def _slopes(t: Telling) -> Phase:
    (x, y), (along_x, along_y), c = t.words.names, t.d.slope, t.words.function
    return t.slope_phase(
        "Slopes along the axes",
        f"how fast {c}{t.of} rises along each axis alone; the arrows point downhill.",
        f"∂{c}/∂{x} = {number(along_x)}, ∂{c}/∂{y} = {number(along_y)}.",
        t.by_slope((along_x, 0.0), f"−∂{c}/∂{x}"),
        t.by_slope((0.0, along_y), f"−∂{c}/∂{y}"),
    )


def _gradient(t: Telling) -> Phase:
    (along_x, along_y), c, angle = t.d.slope, t.words.function, t.angle
    if math.isnan(angle):
        said = "there is none here: no direction leads downhill."
    elif angle >= 89.95:
        said = f"the two slopes together; downhill is at right angles ({angle:.1f}°) to the contour line."
    elif t.words.function == "C":
        said = f"downhill for this batch is at {angle:.1f}° to the contour line of C: its gradient is noisy."
    else:
        said = (
            f"downhill for this batch is at {angle:.1f}° to the contour line, which is that of "
            f"{t.words.examples:,} examples{', without auxiliary losses' * t.words.auxiliary}."
        )
    size = math.hypot(along_x, along_y)
    formula = f"|∇{c}| = √({squared(along_x)} + {squared(along_y)}) = {number(size)}"
    if not t.words.whole:
        whole = t.d.parts["gradient"].norm
        formula = f"In this plane {formula}; all parameters together: {number(whole)}"
    return t.slope_phase(
        "The gradient",
        said,
        f"{formula}.",
        t.by_slope((along_x, 0.0), "", pale=True),
        t.by_slope((0.0, along_y), "", pale=True),
        t.by_slope((along_x, along_y), f"−∇{c}"),
        tangent=t.tangent,
    )


def _penalty(t: Telling) -> Iterator[Phase]:
    """What is added to the gradient for the size of the weights."""
    if "penalty" not in t.d.parts:
        return
    c, l2, added = t.words.function, t.d.optimiser.l2, t.d.parts["penalty"].slope
    seen = math.hypot(*added) > LEGIBLE * math.hypot(*t.d.slope)
    yield t.slope_phase(
        "The penalty",
        f"{l2:g} of each weight is added to the gradient, biases not, so that large weights become smaller.",
        f"g = ∇{c} + {l2:g}·w = {t.partials('gradient')} + {t.partials('penalty')} = {t.partials('penalised')}.",
        t.by_slope(t.d.slope, f"−∇{c}" if seen else "", pale=True),
        t.by_slope(added, f"−{l2:g}·w" if seen else "", pale=True),
        t.by_slope(t.d.parts["penalised"].slope, "−g"),
    )


def _clipping(t: Telling) -> Iterator[Phase]:
    """What is left of a gradient that is too long."""
    if "clipped" not in t.d.parts:
        return
    limit, before = t.d.optimiser.clip, t.d.parts.get("penalised", t.d.parts["gradient"])
    whole, c = before.norm, "g" if "penalised" in t.d.parts else f"∇{t.words.function}"
    added = " with what was added to it" if "penalised" in t.d.parts else ""
    yield t.slope_phase(
        "Clipping",
        f"the gradient{added} is longer than {limit:g}{'' if t.words.whole else ', over all parameters together'}: it "
        "is shortened to that, and its direction stays.",
        f"g = {limit:g}·{c}/|{c}| = {limit:g}/{number(whole)}·{c} = {t.partials('clipped')}.",
        t.by_slope(before.slope, f"−{c}", pale=True),
        t.by_slope(t.d.parts["clipped"].slope, "−g"),
    )


def _method(t: Telling) -> Iterator[Phase]:
    """What the method makes of the gradient."""
    o, c, parts = t.d.optimiser, t.words.function, t.d.parts
    if "uphill" in parts:
        cut = f" (clipped where it is longer than {o.clip:g})" if o.clip else ""
        cut = f", the penalty added{cut}" if "penalty" in parts else cut
        up = t.used if "penalty" in parts else f"∇{c}"
        yield t.phase(
            "A look uphill",
            f"SAM goes uphill by 0.05 first, and takes the gradient there{cut}: it avoids sharp valleys.",
            f"0.05·{up}/|{up}| = {t.vector('uphill')}. Downhill there: d = {t.vector('direction')}.",
            t.by_step(parts["uphill"].along, "uphill", by=shown(t, "uphill")),
            t.by_step(parts["direction"].along, "d", by=t.d.rate, start=tip(t, "uphill")),
        )
    if "mean" in parts:
        yield t.slope_phase("The mean of the gradients", *_of_means(t))
    if "blend" in parts:
        yield _blend(t)
    if "root" in parts:
        yield _root(t)
    if o.name == "radam" and "root" in parts:
        share = parts["direction"].norm / (parts["scaled"].norm or 1.0)
        yield t.phase(
            "Not yet trusted",
            "a mean of few squares is not to be trusted: what it makes of the gradient is shortened for now.",
            f"d = {number(share)}·d = {t.vector('direction')}.",
            t.by_step(parts["scaled"].along, "", pale=True, by=t.d.rate),
            t.by_step(parts["direction"].along, "d", by=t.d.rate),
        )
    if "decayed" in parts and o.decay:
        yield t.phase(
            "Weight decay",
            f"each weight is drawn towards 0 besides, by {o.decay:g} of itself.",
            f"d = d − {o.decay:g}·w = {t.vector('scaled')} + {t.vector('decayed')} = {t.vector('direction')}.",
            t.by_step(parts["scaled"].along, "", pale=True, by=t.d.rate),
            t.by_step(parts["direction"].along, "d", by=t.d.rate),
        )
    if "velocity" in parts:
        yield _momentum(t)
    if o.name == "nesterov":
        m = o.momentum or NESTEROV
        yield t.phase(
            "A look ahead",
            "Nesterov's step counts the velocity once more, as if it stood further on.",
            f"d = −({t.used} + {m:g}·v) = {t.vector('direction')}.",
            t.by_step(parts["velocity"].along, "", pale=True, by=-t.d.rate),
            t.by_step(parts["direction"].along, "d", by=t.d.rate),
        )
    if o.name in ("newton", "gauss-newton", "lars", "lamb", *WITH_LINE_SEARCH):
        yield t.phase(_titles(o)[0], _titles(o)[1], _of_direction(t), *_direction_arrows(t))


def _of_means(t: Telling) -> tuple[str, str, Arrow, Arrow]:
    corrected = t.d.optimiser.name not in ("adam-uncorrected", "qhm")
    said = "the running mean of all gradients so far takes the gradient's place"
    said += ", made up for having begun at 0." if corrected else "; it began at 0, and is too small at first."
    return (
        said,
        f"mean of the gradients = {t.partials('mean')}.",
        t.by_slope(t.d.slope, f"−∇{t.words.function}", pale=True),
        t.by_slope(t.d.parts["mean"].slope, "−mean"),
    )


def _blend(t: Telling) -> Phase:
    parts = t.d.parts
    return t.slope_phase(
        "Mean and gradient",
        "the plain gradient has a share beside the mean.",
        f"b = 0.3·{t.used} + 0.7·mean = {t.partials('blend')}.",
        t.by_slope(parts["mean"].slope, "−mean", pale=True),
        t.by_slope(parts["blend"].slope, "−b"),
    )


def _root(t: Telling) -> Phase:
    o, parts = t.d.optimiser, t.d.parts
    above = "b" if "blend" in parts else "mean" if "mean" in parts else t.used
    summed = "sum" if o.name == "adagrad" else "mean"
    formula = f"√({summed} of squares) = {t.vector('root')}; " if t.words.whole else ""
    return t.phase(
        "Each coordinate by itself",
        f"each is divided by the root of the {summed} of its squares, so that steep and flat ones move alike.",
        f"{formula}d = −{above}/√ = {t.vector('scaled')}.",
        t.by_step(parts["scaled"].along, "d", by=t.d.rate),
    )


def _momentum(t: Telling) -> Phase:
    o, parts = t.d.optimiser, t.d.parts
    m = o.momentum or NESTEROV
    moved, word = (t.used, "gradient") if o.name != "rmsprop" else ("(−d)", "divided gradient")
    added = tuple(v - k for v, k in zip(parts["velocity"].along, parts["kept"].along, strict=True))
    first = parts["kept"].norm == 0
    said = (
        "there is no velocity yet: the first step is the gradient's."
        if first
        else f"{m:g} of the last velocity is kept, and the {word} is added to it."
    )
    tip = t.by_step(parts["kept"].along, "", by=-t.d.rate).end
    return t.phase(
        "Momentum",
        said,
        f"v = {m:g}·v + {moved} = {t.vector('kept')} + {pair((added[0], added[1]))} = {t.vector('velocity')}.",
        t.by_step(parts["kept"].along, "" if first else "kept", by=-t.d.rate),
        t.by_step((added[0], added[1]), "gradient", by=-t.d.rate, start=tip),
        t.by_step(parts["velocity"].along, "" if first else "together", by=-t.d.rate),
    )


def _titles(o: OptimiserSpec) -> tuple[str, str]:
    """Title and sentence of the phase in which a method finds its direction."""
    damped = f", {o.damping:g} added to it in every direction" if o.damping else ""
    return {
        "newton": ("The curvature", f"the gradient is divided by the curvature{damped}: flat directions go further."),
        "gauss-newton": (
            "The curvature",
            f"the gradient is divided by the curvature of the loss in the outputs{damped}.",
        ),
        "lars": ("The size of the weights", "each tensor's step is as long as its weights, times the learning rate."),
        "lamb": ("The size of the weights", "each tensor's step is as long as its weights, times the learning rate."),
        "steepest": ("Along the line", "downhill, as far as it goes downhill: there the slope is at right angles."),
        "conjugate": ("Along the line", "a share of the last direction is added, so that what was gained is kept."),
        "lbfgs": ("Along the line", "earlier steps tell the curvature, by which the gradient is divided."),
    }[o.name]


def _of_direction(t: Telling) -> str:
    o, c, parts = t.d.optimiser, t.words.function, t.d.parts
    found = f"d = {t.vector('direction')}."
    if o.name not in ("newton", "gauss-newton"):
        return found
    along, down = parts["direction"].along, parts["gradient"].along
    if math.dist(along, (-down[0], -down[1])) <= 1e-4 * math.hypot(*down):
        return f"{found} That is −∇{c}: along it the curvature is not positive, or 1."
    matrix = "H" if o.name == "newton" else "G"
    return f"{f'({matrix} + {o.damping:g})' if o.damping else matrix}·d = −∇{c}: {found}"


def _direction_arrows(t: Telling) -> tuple[Arrow, ...]:
    return (
        t.by_slope(t.d.slope, f"−∇{t.words.function}", pale=True),
        t.by_step(t.d.parts["direction"].along, "d", by=t.d.rate),
    )


def _layers(t: Telling) -> Iterator[Phase]:
    rates = t.d.optimiser.layer_rates
    if not rates:
        return
    parts = t.d.parts
    listed = ", ".join(f"{rate:g}" for rate in rates)
    yield t.phase(
        "A rate for each layer",
        f"what each layer moves is multiplied by its own rate: {listed}.",
        f"{t.vector('plain')} becomes {t.vector('step')}.",
        t.by_step(parts["plain"].along, "same rate", pale=True),
        t.by_step(parts["step"].along, "own rates"),
    )


def _step(t: Telling) -> Phase:
    o, step, d = t.d.optimiser, t.d.parts["step"], t.d.parts["direction"]
    line = o.name in WITH_LINE_SEARCH
    said = f"the {'length t' if line else 'learning rate η'} = {t.d.rate:.4g} makes it a step."
    name = _stepped_along(t)
    made = tuple(t.d.rate * v for v in d.along)
    if o.layer_rates:
        written = f"each layer with its own rate: {t.vector('step')}"
    elif name == "d":
        written = f"{'t' if line else 'η'}·d = {t.d.rate:.4g}·{t.vector('direction')} = {pair((made[0], made[1]))}"
    else:
        written = f"−η·{name} = −{t.d.rate:.4g}·{t.vector('direction', -1)} = {pair((made[0], made[1]))}"
    if not o.layer_rates and math.dist(made, step.along) > ROUNDED * math.hypot(*made):
        written += f", in numbers of seven digits {t.vector('step')}"
    inside = "" if t.words.whole else f" in this plane; its length as a whole: {number(step.norm)}"
    label = "step" if t.steps == 1.0 else f"step ×{t.steps:g}"
    return t.phase("The step", said, f"Δ = {written}{inside}.", t.by_step(step.along, label))


def _stepped_along(t: Telling) -> str:
    """What the phases before have called the vector that the step is a multiple of; ``d`` leads downhill."""
    parts, name = t.d.parts, t.d.optimiser.name
    if name in ("sgd", "rmsprop") and "velocity" in parts:
        return "v"
    if name == "qhm":
        return "b"
    if name == "radam" and "root" not in parts:
        return "mean"
    return t.used if name == "sgd" else "d"


def _landing(t: Telling) -> Phase:
    before, after = t.d.loss
    c, unit, of = t.words.function, t.words.unit, t.of
    if not math.isfinite(after):
        said = f"{c}{of} is not finite there: the step was far too long."
    elif after > before and t.d.promise > 0 and "penalty" in t.d.parts:
        said = f"{c}{of} rises: the penalty, or what was kept of earlier steps, leads uphill here."
    elif after > before and t.d.promise > 0:
        said = f"{c}{of} rises: what was kept of earlier steps leads uphill here."
    elif after > before:
        said = f"{c}{of} rises: the step was too long for the curvature."
    elif after < before:
        said = f"{c}{of} falls."
    else:
        said = f"{c}{of} stays as it is, in numbers of seven digits."
    formula = (
        f"{c}{of.removesuffix(',')}: {number(before)} → {number(after)}{unit}; a slope that stayed as it was would "
        f"have led to {number(before + t.d.promise)}. Landed at {pair(t.d.end)}"
    )
    if t.words.noisy or t.words.auxiliary:
        whose = "C itself" if c == "C" else f"over {t.words.examples:,} examples"
        formula += f"; {whose}: {number(t.d.drawn_loss[0])} → {number(t.d.drawn_loss[1])}{unit}"
    return t.phase(
        "Landing",
        f"{said} The same key takes the step.",
        f"{formula}.",
        Arrow(t.d.start, t.d.end),
        landing=t.d.end,
        true=True,
    )
