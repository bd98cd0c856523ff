"""``rongan-hub import``: files of listings, their tokens given, into the store of a hub.

Read `job.py` first. A file is read in blocks (`packed.py`, `tables.py`), each is judged and
enciphered in a thread (`checking.py`), what remains is cut into parts (`cutting.py`) and staged
(`staging.py`); then it is committed by the hub itself (`committing.py`).
"""
