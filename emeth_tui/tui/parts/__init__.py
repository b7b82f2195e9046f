"""The plain parts that the application is made of: the node's news, commands, pages, the footer's note."""
