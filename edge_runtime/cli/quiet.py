"""What the command line does not pass on of the libraries below it."""

from __future__ import annotations

import warnings

__all__ = ["silence_metadata_warnings"]


def silence_metadata_warnings() -> None:
    """For the whole process: Pillow warns of broken metadata of a photo that it reads all the same."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
