"""Float16 and dynamic-range files of a float student: ``python -m benchmarks.compression.light_forms FORM ...``.

Neither needs data or training, and neither ships: they are the cheap ways that int8 is measured against. A process of
its own, for TensorFlow's threads and memory have no place where latencies are taken.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.compression.plan import LIGHT_FORMS
from edge_runtime.errors import PhotogateError
from edge_runtime.model_file import pack_model, unpack_model
from edge_runtime.output_file import write_output

__all__ = ["export_light_form", "main"]


def export_light_form(form: str, student_folder: Path, reference: Path, out: Path) -> None:
    """Writes the float student in a light form, under the contract of its float file.

    Args:
        form: "float16", weights of 16 bits, arithmetic in float32; or "dynamic", weights of 8 bits, activations
            quantised while it runs.
        student_folder: artifact of ``python -m train distill``.
        reference: the float .tflite file of the same student.
        out: the file to write.

    Raises:
        UsageError: the student cannot be loaded, or ``out`` cannot be written.
        ModelError: ``reference`` is no photogate model.
    """
    from compress.convert import convert_float
    from compress.folding import build_deploy_student
    from train.stages.distil import load_student

    student, spec = load_student(student_folder)
    flatbuffer = convert_float(build_deploy_student(student, spec), form)
    _, contract = unpack_model(reference)
    write_output(out, pack_model(flatbuffer, replace(contract, precision=form)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the process: 0, or 2 and one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compression.light_forms", description=__doc__)
    parser.add_argument("form", choices=LIGHT_FORMS)
    for name in ("student", "reference", "out"):
        parser.add_argument(name, type=Path)
    parsed = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # as for `python -m compress`
    try:
        export_light_form(parsed.form, parsed.student, parsed.reference, parsed.out)
    except PhotogateError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
