"""Urging, supervision orders, instructions."""
