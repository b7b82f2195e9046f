"""Worker processes, one a device: their messages, their supervisor, their main."""
