"""The storage API: dataset downloads and result uploads."""
