"""Compression from a checkout: a float student in, the int8 model that ships out."""

__all__: list[str] = []
