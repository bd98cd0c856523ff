"""Doubles and makers that tests share."""
