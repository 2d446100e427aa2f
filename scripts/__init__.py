"""What the tasks are made of: modules that ask, modules that decide, and one that tells."""
