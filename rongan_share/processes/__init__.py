"""Processes of the hub. One worker for now: server, committer, follower."""
