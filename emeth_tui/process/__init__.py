"""What concerns the process as such: its signals, its garbage."""
