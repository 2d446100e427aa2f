"""How the API takes edits of MEMOS_SRC: what its supervisor says of each version of the code."""
