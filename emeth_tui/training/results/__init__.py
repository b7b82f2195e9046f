"""What a requester does with a result: check it, measure it, write it for transformers, continue prompts."""
