"""What training reads and writes: model files, checkpoints and results."""
