"""What the network is, seen from outside: the shapes with the meaning of every axis, and which row depends on which."""
