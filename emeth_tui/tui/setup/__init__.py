"""The first settings file, question by question: in the screen's looks, or as prompts on a plain terminal."""
