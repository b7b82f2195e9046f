"""Jobs that several workers train together: when that pays, who trains which part, and the averages."""
