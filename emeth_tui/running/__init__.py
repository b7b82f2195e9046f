"""The composition root: settings become a node with one front end, or a view of what runs elsewhere."""
