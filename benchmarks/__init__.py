"""Benchmarks of every step from the teacher to the shipped int8 file, beside public models, on this very machine.

``python -m benchmarks run --help`` says what is measured; :mod:`benchmarks.run` is the way through it.
"""

__all__: list[str] = []
