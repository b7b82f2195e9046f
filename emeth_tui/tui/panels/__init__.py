"""One panel a file, as they stand on the screen: what it says as lines, from a frame and a width."""
