"""The words: gettext catalogues, one a language, keyed by code ("blurred.message"), with named placeholders."""

from __future__ import annotations

import gettext
from functools import lru_cache
from importlib import resources

from edge_runtime.errors import UsageError
from edge_runtime.gate.toml_table import find_near

__all__ = ["LANGUAGES", "Catalogue", "load_catalogue"]

LANGUAGES = ("en", "zh")
DOMAIN = "photogate"


class Catalogue:
    """One language's words.

    Attributes:
        language: "en" or "zh".
    """

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def say(self, key: str, **values: str) -> str:
        """The text of ``key``, with ``values`` in place of its ``{names}``.

        Raises:
            KeyError: the catalogue lacks the key, or the text asks for a value that was not given.
        """
        text = self._translations.gettext(key)
        if text == key:  # gettext answers an unknown key with itself
            raise KeyError(f"the catalogue {self.language!r} has no text {key!r}")
        return text.format(**values) if values else text


@lru_cache(maxsize=len(LANGUAGES))
def load_catalogue(language: str) -> Catalogue:
    """The catalogue of a language.

    Raises:
        UsageError: there is none.
    """
    if language not in LANGUAGES:
        raise UsageError(f"there are no messages in {language!r}; {find_near(language, LANGUAGES)}")
    file = resources.files("edge_runtime.gate").joinpath(f"locale/{language}/LC_MESSAGES/{DOMAIN}.mo")
    with file.open("rb") as stream:
        return Catalogue(language, gettext.GNUTranslations(stream))
