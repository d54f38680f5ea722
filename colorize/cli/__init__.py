"""The commands, one file each: they read arguments, call the rooms below, and print."""
