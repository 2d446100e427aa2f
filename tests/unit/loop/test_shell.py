"""How docker is told to run something in a container."""

from scripts.loop.shell import Call

CALL = Call(container="c", mark="m")


def test_a_pipe_gets_no_terminal() -> None:
    """What comes in is a script to the shell, and what goes out is nobody's screen."""
    argv = CALL.argv

    assert argv[:3] == ["docker", "exec", "--interactive"]
    assert "--tty" not in argv
    assert argv[-4:-1] == ["c", "/bin/sh", "-c"]
    assert "bash" in argv[-1]


def test_a_terminal_is_of_the_kind_that_the_user_has() -> None:
    """And Ctrl-P is left to the shell in it."""
    argv = Call(container="c", terminal="foot", mark="m").argv

    assert "--tty" in argv
    assert "TERM=foot" in argv
    assert argv[argv.index("--detach-keys") + 1] != "ctrl-p,ctrl-q"


def test_a_command_is_run_as_it_is_typed() -> None:
    """No shell reads its words a second time."""
    words = ("sh", "-c", "echo 'a  b'")

    assert Call(container="c", words=words, mark="m").argv[-4:] == ["c", *words]


def test_the_user_is_told_for_the_command_and_for_its_end() -> None:
    """Another user might not see what runs, or end it."""
    call = Call(container="c", user="neo4j", mark="m")

    for argv in (call.argv, call.interrupt):
        assert argv[argv.index("--user") + 1] == "neo4j"
    assert "--user" not in CALL.argv


def test_what_runs_is_known_by_its_mark() -> None:
    """The signal reaches the processes of this call, and no others of the container."""
    assert "INV_SHELL=m" in CALL.argv
    assert CALL.interrupt[-2:] == ["sh", "m"]
    assert "INV_SHELL=m" not in CALL.interrupt
