"""Made-up shelves in simulated time: goods, customers, daylight and what goes wrong, with the truth beside them."""

from __future__ import annotations
