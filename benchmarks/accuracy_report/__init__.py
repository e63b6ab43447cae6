"""One page about how good the models of an artifact are: agreement with people, robustness, fidelity of int8.

``python -m benchmarks accuracy --help`` says what is measured; :mod:`benchmarks.accuracy_report.run` is the way
through it. Every module but that one and the two that draw returns plain JSON values.
"""

__all__: list[str] = []
