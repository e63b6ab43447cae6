"""Training from a checkout: rated photographs in, a teacher and a distilled student out."""
