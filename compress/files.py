"""What the models in an artifact of ``python -m compress run`` are called."""

from __future__ import annotations

__all__ = ["MODEL_ENDINGS"]

# Behind the student's name: the student as it was, pruned, and pruned and quantised.
MODEL_ENDINGS = {"float": "-float.tflite", "pruned": "-pruned.tflite", "int8": ".tflite"}
