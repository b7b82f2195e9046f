"""A node that nobody looks after: a day by a clock that is moved, and thirty days."""
