"""Look-ups as compiled loops. Needs numba; `columns/kernel.py` says what stands in for it."""
