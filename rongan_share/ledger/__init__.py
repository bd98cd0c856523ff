"""The truth: a journal of frames and small tables in LMDB, and the only importer of lmdb."""
