"""What MemOS keeps in its stores, asked of the databases themselves, and what lacks its half."""
