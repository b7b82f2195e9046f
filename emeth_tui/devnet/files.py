"""The names of the files that a devnet writes for others."""

DESCRIPTION_FILE = "devnet.json"  # written last, once every service answers
NODE_SETTINGS_FILE = "node.toml"  # a node joins with it
