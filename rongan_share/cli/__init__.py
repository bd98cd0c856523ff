"""The command `rongan-hub`: one file a noun."""
