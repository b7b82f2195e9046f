"""Pauses: by the hours of the schedule and by hand, and the guard that keeps them from costing a deadline."""
