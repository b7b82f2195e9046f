"""Tokenizer, dataset, model, loop and checkpoint: torch lives here and nowhere else."""
