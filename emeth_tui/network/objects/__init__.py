"""Where datasets and results lie: a directory, or any object store that speaks S3."""
