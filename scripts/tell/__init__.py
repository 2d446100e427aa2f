"""The only place that formats: text, boards, pages and JSON.

May import every room before it for their values; it asks nothing.
"""
