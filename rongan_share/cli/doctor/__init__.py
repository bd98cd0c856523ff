"""``rongan-hub doctor``: what is wrong with a hub, or with a client's certificate."""
