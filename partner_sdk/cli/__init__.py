"""The command ``rongan``: what a partner does from a terminal."""
