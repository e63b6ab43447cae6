"""Public models and classical measures beside which photogate is measured, each of them optional.

``catalogue`` lists them, ``nima``, ``libraries`` and ``boosted`` open them, ``run`` judges them on the same photos.
"""

from __future__ import annotations
