"""What concerns the process as such: its signals, its children, its garbage."""
