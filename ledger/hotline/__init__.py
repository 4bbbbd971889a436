"""The hotlines 12345 and 12328: their orders by file, by push and at the operator's desk."""
