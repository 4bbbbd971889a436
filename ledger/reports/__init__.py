"""Figures, bulletins, exports and printed forms."""
