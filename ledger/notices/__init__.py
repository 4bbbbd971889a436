"""Notices to persons and units."""
