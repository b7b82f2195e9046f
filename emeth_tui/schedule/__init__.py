"""Hours of the week by a wall clock, and when they begin and end. Pure reckoning: no clock and no settings."""
