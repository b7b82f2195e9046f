"""The screen: a Textual application that shows a node and commands it. Textual lives nowhere else."""
