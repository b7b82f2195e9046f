"""HTTP as every client here speaks it: connections, bounded exchanges, retries, stalled transfers."""
