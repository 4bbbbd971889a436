"""The calendar, the limits and the clocks."""
