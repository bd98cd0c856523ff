"""Made-up partners."""
