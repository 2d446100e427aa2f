"""What others have written or say: read within bounds, and taken for nothing that it is not."""
