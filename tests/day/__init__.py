"""A day of a node that nobody looks after, in a minute: real processes whose wall clock is moved."""
