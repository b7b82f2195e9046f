"""Ways to average what several members train, by validation loss against bytes and time."""
