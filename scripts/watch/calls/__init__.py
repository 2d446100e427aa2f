"""Calls that one kind of service knows: S3's signatures, Milvus' words, a container's check."""
