"""A scene: everything needed to reproduce a picture, in one frozen value and one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError, model_validator

from thalweg.core.files import write_atomically
from thalweg.core.scene.depth import BY_TIME
from thalweg.core.scene.layers import LayerShape, buffer_count, layer_shapes, over_batches, time_steps
from thalweg.core.scene.network import NetworkSpec
from thalweg.core.scene.spec import Spec, SpecError, explain, spec_field
from thalweg.core.scene.surfaces import SURFACES
from thalweg.core.scene.training import SECOND_ORDER, WITHOUT_STATISTICS, RunSpec
from thalweg.core.scene.view import PaceSpec, ViewSpec

MOST_RUNS = 32
"""Runs of one scene at most, seeds and variants together."""

MOST_VARIANTS = 15
"""Variants of one scene at most."""

CENTRE = 406
"""The pixel in the middle of an image, (14, 14)."""


class Scene(Spec):
    """A run, how it is played and how it is looked at."""

    title: str = spec_field("Untitled", "Title", "Name of the scene, as the figures show it.", max_length=80)
    description: str = spec_field("", "Description", "One sentence on what the scene shows.", max_length=400)
    run: RunSpec = Field(RunSpec(), title="Run")
    variants: tuple[RunSpec, ...] = spec_field(
        (), "Variants", "Further runs beside the first, on the same data.", strict=False, max_length=MOST_VARIANTS
    )
    pace: PaceSpec = Field(PaceSpec(), title="Pace")
    view: ViewSpec = Field(ViewSpec(), title="View")

    @model_validator(mode="after")
    def _runs_go_together(self) -> Scene:
        for number, other in enumerate(self.variants):
            if other.data != self.run.data:
                raise SpecError(
                    f"variants.{number}.data: not that of the first run; runs of one scene have the same data"
                )
            if "surface" in (own := (self.run.network.kind, other.network.kind)) and own[0] != own[1]:
                raise SpecError(
                    f"variants.{number}.network.kind: {own[1]} beside {own[0]}; all runs are on surfaces or none"
                )
            if own[0] == "surface" and _ground(other.network) != _ground(self.run.network):
                raise SpecError(
                    f"variants.{number}.network: another surface; runs of one scene descend on the same one"
                )
        if (count := len(self.runs())) > MOST_RUNS:
            raise SpecError(f"run.seeds: {count} runs in all are not accepted; expected at most {MOST_RUNS}")
        return self

    @model_validator(mode="after")
    def _axes_name_layers_that_exist(self) -> Scene:
        layers = layer_shapes(self.run.network)
        for name in ("x", "y"):
            axis = getattr(self.view.plane, name)
            for layer in axis.layers:
                if layer > len(layers):
                    raise SpecError(
                        f"view.plane.{name}.layers: {layer} is not accepted; expected a whole number from 1 to "
                        f"{len(layers)} (the layers of the network)"
                    )
            if axis.kind == "weight":
                number = axis.layers[0]
                if layers[number - 1].kind != "linear":
                    raise SpecError(
                        f"view.plane.{name}.layers: {number} is not accepted; a single weight joins two units of a "
                        f"linear layer, and here that is {_in_words(_linear_layers(layers))}"
                    )
                units, inputs = layers[number - 1].shapes[0]
                ends = (("source", inputs), ("target", units))
                for field, count in ends:
                    if getattr(axis, field) >= count:
                        raise SpecError(
                            f"view.plane.{name}.{field}: {getattr(axis, field)} is not accepted; expected a whole "
                            f"number from 0 to {count - 1} (layer {number} is {inputs} x {units})"
                        )
        networks = [r.network for r in (self.run, *self.variants)]
        if self.view.depth.layer > (count := _strip_rows(networks, self.view.depth.quantity)):
            timed = self.view.depth.by_time and any(map(time_steps, networks))
            raise SpecError(
                f"view.depth.layer: {self.view.depth.layer} is not accepted; expected a whole number from 1 to {count} "
                f"({'the time steps' if timed else 'the layers of the deepest network'})"
            )
        if self.view.example >= self.run.data.train_count:
            raise SpecError(
                f"view.example: {self.view.example} is not accepted; expected a whole number from 0 to "
                f"{self.run.data.train_count - 1} (the training examples)"
            )
        return self

    def runs(self) -> tuple[RunSpec, ...]:
        """Every run that is trained, in order: the first, its other seeds, then the variants with theirs.

        >>> [run.seed for run in Scene(run=RunSpec(seed=3, seeds=2)).runs()]
        [3, 4]
        """
        return tuple(
            run.model_copy(update={"seed": run.seed + k, "seeds": 1})
            for run in (self.run, *self.variants)
            for k in range(run.seeds)
        )

    def spec_of(self, number: int) -> int:
        """Which of the first run (0) and the variants (1, 2, ...) the run of this number in :meth:`runs` comes from."""
        owners = [k for k, run in enumerate((self.run, *self.variants)) for _ in range(run.seeds)]
        return owners[number]

    def seen(self, number: int) -> Scene:
        """The scene as it would be with that of the first run (0) and the variants (1, 2, ...) alone."""
        return self.model_copy(update={"run": (self.run, *self.variants)[number], "variants": ()})

    def edited(self, changes: Mapping[str, Any]) -> Scene:
        """The scene with the fields at the dotted paths replaced; raises SpecError, and leaves this one as it is.

        When the number of layers changes, an axis on the last layer stays on the last layer; when an axis becomes a
        single weight, it keeps the first of its layers where that has single weights; when it becomes the component
        or eigenvector that the other axis is, it takes the next. When the architecture changes, a single weight of a
        layer that has none any more goes to the last layer.

        >>> Scene().edited({"run.seed": 3}).run.seed
        3
        """
        tree: dict[str, Any] = self.model_dump() | {"variants": [run.model_dump() for run in self.variants]}
        for path, value in changes.items():
            *parents, leaf = path.split(".")
            node: Any = tree
            for p in parents:
                if isinstance(node, list) and p.isdecimal() and int(p) < len(node):
                    node = node[int(p)]
                    continue
                if not isinstance(node, dict) or p not in node:
                    raise SpecError(f"{path}: unknown field")
                node = node[p]
            if not isinstance(node, dict) or leaf not in node:
                raise SpecError(f"{path}: unknown field; accepted here: {', '.join(node)}")
            node[leaf] = value
        if any(f"{path}.".startswith("run.data.") for path in changes):
            for run in tree["variants"]:
                run["data"] = tree["run"]["data"]
        if any(path.startswith("run.network.") for path in changes):
            _on_one_ground(tree)
        if any(".network." in path for path in changes):
            _fit_methods(tree, asked={path.rpartition(".")[2] for path in changes})
        for name in ("x", "y"):
            axis, path = tree["view"]["plane"][name], f"view.plane.{name}"
            if changes.get(f"{path}.kind") == "weight" and f"{path}.layers" not in changes:
                linear = _linear_layers(layer_shapes(self.run.network))
                first = (axis["layers"] or (1,))[0]
                axis["layers"] = (first if first in linear or first > linear[-1] else linear[-1],)
                if self.run.network.kind == "mlp" and axis["layers"] == (1,) and axis["source"] == 0:
                    axis["source"] = CENTRE  # the corner, pixel 0, is black in all data
        _apart(tree["view"]["plane"], changes)
        before, after = _depth(layer_shapes(self.run.network)), _layer_count(tree)
        there = max(1, len(_layers_of(tree)))
        if before != after or there < len(layer_shapes(self.run.network)):
            for name in {"x", "y"} - {
                p.split(".")[2] for p in changes if p.startswith("view.plane.") and "layers" in p
            }:
                axis = tree["view"]["plane"][name]
                kept = (after if n == before else min(n, there) for n in axis["layers"])
                axis["layers"] = tuple(dict.fromkeys(kept))
        _fit_depth(tree, self, changes)
        if "run.network.kind" in changes:
            if (tree["run"]["network"]["kind"] == "surface") != (self.run.network.kind == "surface"):
                _turn(tree)
            _fit_single_weights(tree)
        if "run.network.surface" in changes:
            _show_surface(tree)
        return parse(tree)

    def value(self, path: str) -> Any:
        """The value at a dotted path."""
        node: Any = self
        for name in path.split("."):
            node = node[int(name)] if isinstance(node, tuple) else getattr(node, name)
        return node


def _fit_depth(tree: dict[str, Any], before: Scene, changes: Mapping[str, Any]) -> None:
    """The layer or time step that is the last of all stays the last; a locked range is of one quantity."""
    depth = tree["view"]["depth"]
    if "view.depth.quantity" in changes and "view.depth.lock" not in changes:
        depth["lock"] = False
    if "view.depth.layer" in changes:
        return
    quantity, networks = depth["quantity"], (_network_of({"run": run}) for run in (tree["run"], *tree["variants"]))
    kept = [n for n in networks if n is not None]
    was = _last_row([run.network for run in (before.run, *before.variants)], before.view.depth.quantity)
    last = _last_row(kept, quantity)
    depth["layer"] = last if depth["layer"] == was else min(depth["layer"], _strip_rows(kept, quantity))


def _strip_rows(networks: Sequence[NetworkSpec], quantity: str) -> int:
    """How many layers, or time steps where the quantity and a network have them, the strip shows at most."""
    return _rows(networks, quantity, len)


def _last_row(networks: Sequence[NetworkSpec], quantity: str) -> int:
    """The last of those, auxiliary outputs aside."""
    return _rows(networks, quantity, _depth)


def _rows(networks: Sequence[NetworkSpec], quantity: str, counted: Callable[[tuple[LayerShape, ...]], int]) -> int:
    timed = max(map(time_steps, networks), default=0) if quantity in BY_TIME else 0
    return timed or max((counted(layer_shapes(n)) for n in networks), default=1)


def _ground(network: NetworkSpec) -> tuple[object, ...]:
    """What is descended on: all of a surface but where the descent begins."""
    return network.function, network.noise if network.surface == "noisy-ravine" else 0.0


def _on_one_ground(tree: dict[str, Any]) -> None:
    """Where the first run is on a surface, the variants are on the same, and where it is not, none is."""
    first = tree["run"]["network"]
    for run in tree["variants"]:
        own = run["network"]
        if first["kind"] == own["kind"] == "surface":
            run["network"] = {**first, "x_start": own["x_start"], "y_start": own["y_start"]}
        elif "surface" in (first["kind"], own["kind"]):
            run["network"] = dict(first)


def _fit_methods(tree: dict[str, Any], asked: Collection[str]) -> None:
    """Layer rates for the layers that there are; no batch norm or auxiliary loss where method or batch size refuse it.

    Those of fully connected layers stay where they were ``asked`` for: then they are refused with their reason.
    """
    for run in (tree["run"], *tree["variants"]):
        try:
            network = NetworkSpec.model_validate(run["network"])
        except ValidationError:
            continue
        run["optimiser"]["layer_rates"] = tuple(run["optimiser"]["layer_rates"])[: len(layer_shapes(network))]
        unfit = run["optimiser"]["name"] in WITHOUT_STATISTICS and buffer_count(network)
        if unfit and network.kind == "residual":
            run["network"]["batch_norm"] = False
        elif (unfit or (run["optimiser"]["batch_size"] == 1 and over_batches(network))) and "hidden_norm" not in asked:
            run["network"]["hidden_norm"] = "none"
        if run["optimiser"]["name"] in SECOND_ORDER and network.supervised and "auxiliary" not in asked:
            run["network"]["auxiliary"] = 0.0


def _turn(tree: dict[str, Any]) -> None:
    """Between networks and surfaces: the plane, the panels and the optimiser are those that suit the other kind."""
    if tree["run"]["network"]["kind"] != "surface":
        fresh = Scene().model_dump()
        tree["run"]["optimiser"], tree["view"]["plane"] = fresh["run"]["optimiser"], fresh["view"]["plane"]
        tree["view"]["panels"] = fresh["view"]["panels"]
        last = _layer_count(tree)
        tree["view"]["plane"]["y"]["layers"] = (last,)
        return
    plane = tree["view"]["plane"]
    plane.update(mode="fixed", counted="zero", quantity="loss", colour="log", auto_range=False)
    for number, name in enumerate(("x", "y"), start=1):
        plane[name].update(kind="weight", layers=(number,), source=0, target=0)
    tree["view"]["panels"] = ("landscape", "curves", "gradient-norms")
    for run in (tree["run"], *tree["variants"]):
        if run["optimiser"]["name"] == "gauss-newton":  # a surface has no outputs between parameters and loss
            run["optimiser"]["name"] = "newton"
    _show_surface(tree)


def _show_surface(tree: dict[str, Any]) -> None:
    """Begin a surface where it is worth beginning, look at the part worth looking at, with a rate that suits it.

    Logarithmic scales are for those whose lowest value is 0. A formula is looked at where the surface before it was.
    """
    network, plane = tree["run"]["network"], tree["view"]["plane"]
    shown = SURFACES.get(network["surface"])
    tree["view"]["log_loss"] = bool(shown and shown.minima and shown.value == 0)
    plane["colour"] = "log" if tree["view"]["log_loss"] else "linear"
    if shown is None:
        return
    for run in (tree["run"], *tree["variants"]):
        run["network"]["x_start"], run["network"]["y_start"] = map(float, shown.start)
        if run["optimiser"]["name"] == "sgd" and not run["optimiser"]["momentum"]:
            run["optimiser"]["learning_rate"] = shown.rate
    for name, (low, high) in (("x", shown.x), ("y", shown.y)):
        plane[name].update(low=float(low), high=float(high))


def _apart(plane: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """When a second axis becomes a component or eigenvector too, it takes another number than the first."""
    for name, other in (("x", "y"), ("y", "x")):
        a, b = plane[name], plane[other]
        chosen = changes.get(f"view.plane.{name}.kind") in ("principal", "hessian")
        same = all(a.get(field) == b.get(field) for field in ("kind", "rank", "end"))
        if chosen and same and f"view.plane.{name}.rank" not in changes:
            a["rank"] = 2 if b.get("rank") == 1 else 1


def _network_of(tree: Mapping[str, Any]) -> NetworkSpec | None:
    """The network of a scene that may not be accepted yet; None where the network is not."""
    try:
        return NetworkSpec.model_validate(tree["run"]["network"])
    except ValidationError:
        return None


def _layers_of(tree: Mapping[str, Any]) -> tuple[LayerShape, ...]:
    """The layers of a scene that may not be accepted yet; none where its network is not."""
    network = _network_of(tree)
    return layer_shapes(network) if network is not None else ()


def _depth(layers: tuple[LayerShape, ...]) -> int:
    """How many layers lead from the inputs to the scores: all but auxiliary outputs, which stand behind them."""
    return sum(layer.kind != "auxiliary" for layer in layers)


def _layer_count(tree: Mapping[str, Any]) -> int:
    return _depth(_layers_of(tree)) or 1


def _fit_single_weights(tree: Mapping[str, Any]) -> None:
    """Move the axes along a single weight to one that the network has."""
    layers = _layers_of(tree)
    for axis in (tree["view"]["plane"][name] for name in ("x", "y")):
        if not layers or axis["kind"] != "weight" or len(axis["layers"]) != 1:
            continue
        linear = _linear_layers(layers)
        number = axis["layers"][0] if axis["layers"][0] in linear else linear[-1]
        units, inputs = layers[number - 1].shapes[0]
        axis["layers"] = (number,)
        axis["source"], axis["target"] = min(axis["source"], inputs - 1), min(axis["target"], units - 1)


def _linear_layers(layers: tuple[LayerShape, ...]) -> tuple[int, ...]:
    """The numbers of the layers, from 1, whose weights join one unit to another; the last layer is always one."""
    return tuple(n for n, layer in enumerate(layers, start=1) if layer.kind == "linear")


def _in_words(numbers: tuple[int, ...]) -> str:
    return f"layer{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def parse(tree: Mapping[str, Any], where: str = "") -> Scene:
    """The scene that a nested mapping describes; raises SpecError with one sentence for each fault.

    ``run`` may be a list: the first is the run, each other a variant that has what it does not say from the first.
    """
    runs = tree.get("run")
    if isinstance(runs, list) and runs and all(isinstance(r, Mapping) for r in runs) and "variants" not in tree:
        first, *others = runs
        tree = {**tree, "run": first, "variants": [{**_merged(first, r), "name": r.get("name", "")} for r in others]}
    try:
        return Scene.model_validate(tree)
    except ValidationError as e:
        raise SpecError(explain(e, Scene, where)) from None


def loads(text: str, where: str = "scene") -> Scene:
    """The scene in a TOML text; ``where`` names it in error messages."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise SpecError(f"{where}: not a TOML file: {e}") from None
    except (ValueError, RecursionError) as e:
        raise SpecError(f"{where}: cannot be read: {e}") from None
    return parse(tree, where)


def dumps(scene: Scene) -> str:
    """The scene as TOML, every field written out; of a variant, what sets it apart from the first run."""
    tree = scene.model_dump(mode="python")
    variants = tree.pop("variants")
    if variants:
        nameless = tree["run"] | {"name": ""}  # a name is the first's own
        tree["run"] = [tree["run"], *(_apart_from(nameless, v) for v in variants)]
    return tomli_w.dumps(tree)


def _merged(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A table with what it says itself, and the rest from the first."""
    found = {**first, **other}
    for name, value in first.items():
        if isinstance(value, Mapping) and isinstance(other.get(name), Mapping):
            found[name] = _merged(value, other[name])
    return found


def _apart_from(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What a table says that the first does not."""
    found: dict[str, Any] = {}
    for name, value in other.items():
        if isinstance(value, Mapping):
            if inner := _apart_from(first[name], value):
                found[name] = inner
        elif value != first[name]:
            found[name] = value
    return found


def load(path: Path) -> Scene:
    """Read a scene file; raises SpecError, whatever is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: not a text file; a scene is a TOML file in UTF-8") from None
    except (OSError, ValueError) as e:  # ValueError: a name that no file can have
        raise SpecError(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e}") from None
    return loads(text, path.name)


def save(scene: Scene, path: Path) -> None:
    """Write a scene file; on any failure the old file is intact. Raises OSError."""
    write_atomically(path, dumps(scene).encode())
