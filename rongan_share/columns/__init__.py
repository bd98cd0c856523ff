"""Look-ups: sorted columns derived from the journal, never the truth themselves."""
