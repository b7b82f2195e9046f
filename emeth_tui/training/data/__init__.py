"""From a dataset file to blocks of token ids."""
