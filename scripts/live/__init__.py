"""What is going on, as one document and its changes, for whoever follows; knows no HTTP.

The page, `inv ps --follow`, the report and programs all get the same.
"""
