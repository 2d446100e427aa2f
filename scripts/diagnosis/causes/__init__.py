"""Known causes, by what programs, the engine and registries say: one function a cause.

`memos` has the API, `python` its source; `databases` Neo4j and Qdrant; `store` Milvus, etcd and the
object store; `engine` Docker and the kernel; `pulls` registries and builds. `catalogue` has all.
"""
