"""One panel a file, as they stand on the screen: what it says as lines, from a scene and a width."""
