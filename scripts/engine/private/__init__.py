"""The private engine: its files, its processes, its network, and how all of it goes away again."""
