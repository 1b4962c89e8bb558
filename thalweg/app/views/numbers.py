"""Numbers as short texts. No Qt."""

from __future__ import annotations

import numpy as np

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """``10⁻³``; small powers as plain numbers."""
    return f"{10.0**exponent:g}" if -2 <= exponent <= 3 else _power(exponent)


def short(value: float) -> str:
    """All digits of a rounded number where there are few, else with a power of ten: ``150``, ``5×10⁴``."""
    if value == 0 or 1e-4 <= abs(value) < 1e4:
        return str(np.format_float_positional(value, trim="-"))
    digits, _, exponent = f"{value:.11e}".partition("e")
    mantissa = np.format_float_positional(float(digits), trim="-")
    return _power(int(exponent)) if mantissa == "1" else f"{mantissa}×{_power(int(exponent))}"


def _power(exponent: int) -> str:
    return "10" + str(exponent).translate(_SUPERSCRIPTS)
