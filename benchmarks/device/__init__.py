"""The benchmark on a device: a board that runs Python, or a phone on a cable.

What ``python -m benchmarks device pack`` puts into one file needs Python, numpy and the interpreter and nothing else,
so these modules import the standard library, numpy, and what of the checkout does likewise. docs/benchmarks-device.md.
"""

__all__: list[str] = []
