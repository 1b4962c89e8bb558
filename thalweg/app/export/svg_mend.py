"""A mend for the SVG exporter of pyqtgraph 0.14, applied only while a figure is exported.

pyqtgraph lets Qt write each item as SVG in the item's own coordinates, then moves the coordinates of paths
and polylines into the scene (``correctCoordinates``), so that line widths do not stretch with the axes. In
0.14 that step

* fails on closed paths, which Qt 6.11 ends with ``Z`` (pyqtgraph issue 3495),
* loses the transformation of a rectangle, polygon, ellipse or image that shares a group with a path,
* leaves dashes unscaled and the opacity of an item out,
* names a font such as "Sans Serif", which other machines do not have, without a substitute.

The mend moves every shape itself, as a path, and hides the paths from pyqtgraph's step, which then does the
rest (gradients, text). Delete this file, and its use in ``vector.py``, when pyqtgraph 0.14 is no longer
accepted.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.dom.minidom import Element

import numpy as np
import pyqtgraph as pg
import pyqtgraph.exporters  # the module that is mended, found through sys.modules
from PyQt6.QtGui import QFont, QFontInfo

MENDED = "0.14."
_TOKEN = re.compile(r"([MLCZ])|([-+0-9.eE]+|-?nan|-?inf)[ ,]+([-+0-9.eE]+|-?nan|-?inf)")
_KAPPA = 4 / 3 * (2**0.5 - 1)  # control points of a quarter circle


@contextmanager
def mended_svg_exporter() -> Iterator[None]:
    """Replace one step of pyqtgraph's SVG exporter; nothing happens with another pyqtgraph than 0.14."""
    if not pg.__version__.startswith(MENDED):
        yield
        return
    module: Any = sys.modules["pyqtgraph.exporters.SVGExporter"]
    original = module.correctCoordinates
    module.correctCoordinates = _mended(original)
    try:
        yield
    finally:
        module.correctCoordinates = original


def _mended(original: Callable[..., None]) -> Callable[..., None]:
    def correct(node: Element, defs: list[Element], item: Any, options: dict[str, Any]) -> None:
        paths: list[tuple[Element, str]] = []
        for group in node.getElementsByTagName("g"):
            matrix = _matrix(group.getAttribute("transform"))
            for child in [c for c in group.childNodes if isinstance(c, Element)]:
                data = _as_path(child)
                if data is not None:
                    _scale_stroke(group, child, matrix)
                    paths.append((child, _moved(data, matrix)))
                    child.setAttribute("d", "")  # pyqtgraph's step passes over empty paths
                elif child.tagName != "g" and group.hasAttribute("transform"):
                    child.setAttribute("transform", group.getAttribute("transform"))
                if child.tagName == "text":
                    child.setAttribute("font-family", _families(child.getAttribute("font-family")))
            group.setAttribute("transform", "matrix(1,0,0,1,0,0)")  # pyqtgraph's step asks for one to remove
        original(node, defs, item, options)
        for path, data in paths:
            path.setAttribute("d", data)
        if hasattr(item, "opacity") and item.opacity() < 1:
            node.setAttribute("opacity", f"{item.opacity():g}")

    return correct


def _families(named: str) -> str:
    """The font that Qt drew with, then a generic one for readers that do not have it."""
    font = QFontInfo(QFont(named.strip("'\" ")))
    serif = "serif" in font.family().lower() and "sans" not in font.family().lower()
    return f'"{font.family()}", ' + ("monospace" if font.fixedPitch() else "serif" if serif else "sans-serif")


def _matrix(transform: str) -> np.ndarray:
    """The 2 x 3 matrix of an SVG ``matrix(a,b,c,d,e,f)``; the identity for an empty attribute."""
    match = re.match(r"matrix\((.*)\)", transform)
    a, b, c, d, e, f = map(float, match[1].split(",")) if match else (1, 0, 0, 1, 0, 0)
    return np.array([[a, c, e], [b, d, f]])


def _as_path(shape: Element) -> str | None:
    """The path data of a shape, which becomes a ``<path>`` in place; None for images, text and groups."""
    tag = shape.tagName

    def number(name: str) -> float:
        return float(shape.getAttribute(name))

    if tag == "path":
        return shape.getAttribute("d")
    if tag in ("polyline", "polygon"):
        points = shape.getAttribute("points").split()
        data = "M" + " L".join(points) + (" Z" if tag == "polygon" else "") if points else ""
    elif tag == "rect":
        x, y, w, h = (number(n) for n in ("x", "y", "width", "height"))
        data = f"M{x},{y} L{x + w},{y} L{x + w},{y + h} L{x},{y + h} Z"
    elif tag in ("circle", "ellipse"):
        rx, ry = (number("r"),) * 2 if tag == "circle" else (number("rx"), number("ry"))
        data = _ellipse(number("cx"), number("cy"), rx, ry)
    else:
        return None
    for name in ("points", "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"):
        if shape.hasAttribute(name):
            shape.removeAttribute(name)
    shape.tagName = shape.nodeName = "path"
    return data


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> str:
    k = _KAPPA
    quarters = [((1, k), (k, 1), (0, 1)), ((-k, 1), (-1, k), (-1, 0)), ((-1, -k), (-k, -1), (0, -1))]
    quarters.append(((k, -1), (1, -k), (1, 0)))
    curves = (" ".join(f"{cx + rx * u},{cy + ry * v}" for u, v in quarter) for quarter in quarters)
    return f"M{cx + rx},{cy} " + " ".join(f"C{curve}" for curve in curves) + " Z"


def _moved(data: str, matrix: np.ndarray) -> str:
    """Path data with its points moved by a matrix, rounded to 1/1000 pixel."""
    tokens = _TOKEN.findall(data)
    points = np.array([(float(x), float(y)) for _, x, y in tokens if x]).reshape(-1, 2)
    moved = iter(np.round(points @ matrix[:, :2].T + matrix[:, 2], 3).tolist())
    parts = [letter or "{!r},{!r}".format(*next(moved)) for letter, _, _ in tokens]
    text = re.sub(r"([MLC]) ", r"\1", " ".join(parts))
    return "M" + text[1:] if text[:1] == "L" else text  # a first point that is NaN is left out by Qt


def _scale_stroke(group: Element, shape: Element, matrix: np.ndarray) -> None:
    """Give a shape that was moved into the scene the line width and dashes that it has there."""
    cosmetic = shape.getAttribute("vector-effect") == "non-scaling-stroke"
    if shape.hasAttribute("vector-effect"):
        shape.removeAttribute("vector-effect")  # unknown to many readers, and in the scene no longer needed
    scale = abs(np.linalg.det(matrix[:, :2])) ** 0.5
    if cosmetic or scale == 1:
        return
    for name in ("stroke-width", "stroke-dasharray", "stroke-dashoffset"):
        value = group.getAttribute(name)
        if value and value != "none":
            shape.setAttribute(name, ",".join(f"{float(v) * scale:g}" for v in value.split(",")))
