"""The heart: one appeal from registration to closing."""
