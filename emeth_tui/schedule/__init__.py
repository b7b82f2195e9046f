"""Hours of the week by a wall clock, and when they begin and end: pure calculation."""
