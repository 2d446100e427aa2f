"""The rules that settings and compose files keep, one module a place where they are written."""
