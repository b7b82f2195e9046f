"""What runs on a host: the keeper, its workers and files, and the relay that ssh starts."""
