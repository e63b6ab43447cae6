"""Photographs to learn from: manifests, splits, and degradations of known strength."""
