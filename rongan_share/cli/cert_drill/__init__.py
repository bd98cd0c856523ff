"""``rongan-hub cert drill``: every change of certificates, rehearsed on a hub that serves."""
