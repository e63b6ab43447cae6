"""What each step and each setting of compression buys: a plan of variants, each compressed once, all measured together.

``plan`` reads what is to be tried, ``build`` compresses a student by it (or finds that done), ``light_forms`` exports
float16 and dynamic range, ``measure`` takes the figures, ``verdicts`` says what they carry, ``run`` puts it together.
"""

from __future__ import annotations
