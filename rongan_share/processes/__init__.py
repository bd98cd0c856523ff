"""Processes of the hub: a supervisor, workers that answer calls, a keeper."""
