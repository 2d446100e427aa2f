"""How counts are drawn: of what MemOS keeps, and of what it was asked."""
