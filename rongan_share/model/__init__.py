"""Frozen nouns of the hub and the pure rules over them."""
