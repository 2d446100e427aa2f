"""Tasks that delete, save and restore the data."""

from scripts.commands import flags
from scripts.commands.command import checkout, command, project, report, starter
from scripts.core.errors import ExitCode

DRY_RUN = "only show what would happen"
SNAPSHOT = "its name, as inv snapshot.list has it, or the path of one from elsewhere"


@command(
    service="stop only this one, and keep its container; may be repeated",
    volumes="delete the data too, after asking",
)
def down(*, service: list[str], volumes: bool = False, yes: bool = False) -> None:
    """Stop and remove the containers; the data stays unless --volumes."""
    from scripts.commands.flows import data

    tell = report()
    start = starter(tell, stopping=True)
    if service:
        flags.alone("service", volumes=volumes)
        data.stop(start, tell, service)
    elif start.space.settings.swarm:
        from scripts.swarm import down

        down.down(start, tell, delete_data=volumes, yes=yes)
    else:
        data.down(start, tell, delete_data=volumes, yes=yes)


@command(
    service="service whose data group is meant; may be repeated",
    all="all data groups",
    dry_run=DRY_RUN,
    no_snapshot="delete without a snapshot: the data is lost for good",
)
def reset(
    *,
    service: list[str],
    all: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    no_snapshot: bool = False,
) -> ExitCode:
    """Delete the data of what is named, after a snapshot; then bring back what ran."""
    from scripts.commands.flows import data

    tell = report()
    wanted = data.Reset(services=service, every=all, dry_run=dry_run, keep=not no_snapshot)
    return data.reset(starter(tell), tell, wanted, yes=yes)


@command(
    "save",
    service="service whose data group is meant; may be repeated; none means all",
    name="what to call it",
    dry_run=DRY_RUN,
)
def snapshot_save(*, service: list[str], name: str = "", dry_run: bool = False) -> ExitCode:
    """Save the data as one file under snapshots/; what has to stop for it starts again."""
    from scripts.commands.flows import data

    tell = report()
    return data.save(starter(tell), tell, service, name, dry_run=dry_run)


@command("list")
def snapshot_list(*, format: str = "text") -> None:
    """Show the snapshots of this stack, the newest first."""
    from scripts.data import snapshots

    tell = report(format)
    name = project(tell)
    tell.snapshots(name, snapshots.listed(snapshots.folder_of(checkout(tell).root, name)))


@command("verify", name=SNAPSHOT)
def snapshot_verify(name: str, *, format: str = "text") -> ExitCode:
    """Read a snapshot whole and compare every byte with its checksums; 5 when it is damaged."""
    from scripts.commands.flows import data

    tell = report(format)
    return data.verify(checkout(tell).root, project(tell), tell, name)


@command(
    "restore",
    name=SNAPSHOT,
    anyway="also with another image source or an older server",
    dry_run=DRY_RUN,
)
def snapshot_restore(
    name: str, *, yes: bool = False, anyway: bool = False, dry_run: bool = False
) -> ExitCode:
    """Put a snapshot in the place of the data; that stays until all is ready on the new one."""
    from scripts.commands.flows import data

    tell = report()
    wanted = data.Restore(name=name, anyway=anyway, dry_run=dry_run)
    return data.restore(starter(tell), tell, wanted, yes=yes)


@command("undo", dry_run=DRY_RUN)
def snapshot_undo(*, dry_run: bool = False) -> ExitCode:
    """Bring back the data from before a restore on which not all became ready."""
    from scripts.commands.flows import data

    tell = report()
    return data.undo(starter(tell), tell, dry_run=dry_run)


@command("delete", name="its name, as inv snapshot.list has it")
def snapshot_delete(name: str, *, yes: bool = False) -> None:
    """Delete one snapshot, after asking."""
    from scripts.commands.flows import data

    tell = report()
    data.delete(checkout(tell).root, project(tell), tell, name, yes=yes)


@command("prune", keep="how many of the newest stay")
def snapshot_prune(*, keep: str = "", yes: bool = False) -> None:
    """Delete all snapshots but the newest, after asking; damaged ones are left alone."""
    from scripts.commands.flows import data

    count, tell = flags.count("keep", keep), report()
    data.prune(checkout(tell).root, project(tell), tell, count, yes=yes)
