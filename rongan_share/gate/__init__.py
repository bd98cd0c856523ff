"""The gate: every call and every frame takes its walk, and only here a call is aborted."""
