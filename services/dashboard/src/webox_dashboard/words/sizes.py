"""Sizes, decimal and the same in every language: `2.4 GB`."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_STEP = 1000


def size(count: int) -> str:
    """`count` bytes with at most one decimal: 999 B, 1.5 kB, 10 GB; rounded half up."""
    exponent = 0
    tenths = count * 10
    # 999,950 bytes would round to 1000 kB: that is 1 MB.
    while tenths >= 10 * _STEP and exponent < len(_UNITS) - 1:
        exponent += 1
        scale = _STEP**exponent
        tenths = (count * 10 + scale // 2) // scale
    whole, decimal = divmod(tenths, 10)
    return f"{whole}.{decimal} {_UNITS[exponent]}" if decimal else f"{whole} {_UNITS[exponent]}"
