"""Consoles: the stores asked in their own words, over published ports; read-only by default."""
