"""The requester: has jobs trained by others, follows them, and makes models of their results."""
