"""The MemOS development stack: start it, look at it, stop it. `inv up` is the beginning."""

from invoke.collection import Collection

from scripts.commands import config, data, engine, images, live, loop, start, watch

ns = Collection(
    *(start.up, watch.ps, watch.logs, start.restart, data.down, data.reset, watch.doctor),
    *(watch.timeline, watch.graph, watch.smoke, watch.memories),
    *(config.config, config.env, engine.remote),
    *(loop.editor, loop.reload, loop.shell),
    *(live.page, live.wait, live.metrics, live.mcp, live.handed_over),
)
ns.add_collection(
    Collection(
        "snapshot",
        *(data.snapshot_save, data.snapshot_list, data.snapshot_verify, data.snapshot_restore),
        *(data.snapshot_undo, data.snapshot_delete, data.snapshot_prune),
    )
)
ns.add_collection(
    Collection(
        "images",
        *(images.images_status, images.images_build, images.images_pull),
        images.images_send,
        *(images.images_save, images.images_load),
    )
)
ns.add_collection(
    Collection(
        "engine",
        *(engine.engine_start, engine.engine_stop, engine.engine_status, engine.engine_env),
        engine.engine_remove,
    )
)
ns.add_collection(Collection("memos", loop.memos_test))
ns.add_collection(
    Collection("console", loop.console_neo4j, loop.console_qdrant, loop.console_milvus)
)
ns.add_collection(Collection("api", loop.api_host, loop.api_container))
