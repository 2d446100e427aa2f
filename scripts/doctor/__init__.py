"""All that can be known to be wrong, also when nothing runs: asked, judged, told as one document.

May import every room before it.
"""
