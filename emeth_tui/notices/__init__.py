"""What the node has to say, as data: reasons and events with typed fields. Their words are in `words`."""
