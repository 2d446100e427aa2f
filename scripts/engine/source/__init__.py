"""Sources for an engine on another machine: what differs is brought into a volume of it."""
