"""Several machines: the stack as a Docker Swarm has it, its nodes and its tasks."""
