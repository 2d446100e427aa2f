"""A Swarm: its nodes, its tasks, and how both are seen as the containers of one engine."""
