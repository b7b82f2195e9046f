"""What is broken: links, answers of endpoints, the chain, disks; the catalogue of all faults."""
