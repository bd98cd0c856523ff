"""A hub, two partners and a real sanctions list: the whole walk on one screen."""
