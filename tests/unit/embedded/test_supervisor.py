"""The supervisor, with children that are a line of Python each and tell a file what befell them."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import structlog

from stream.embedded.output import Output
from stream.embedded.supervisor import GaveUpError, Patience, Process, Supervisor

QUICK = Patience(first_pause_s=0.01, longest_pause_s=0.05, healthy_s=60, ready_s=20, tries=3)


class Scene:
    """Children that write what happens to them into one diary."""

    def __init__(self, directory: Path) -> None:
        self.diary_file = directory / "diary"
        self.output = io.StringIO()

    def process(  # a builder: each argument is one property of a child
        self,
        name: str,
        script: str = "wait()",
        *,
        after: tuple[str, ...] = (),
        once: bool = False,
        stop_s: float = 20,
    ) -> Process:
        prelude = f"""
            import os, signal, sys, time
            def note(what):
                with open({str(self.diary_file)!r}, "a") as diary:
                    diary.write(what + " {name}\\n")
            def ended(*_):
                note("stopped")
                sys.exit(0)
            def wait():
                while True:
                    signal.pause()
            signal.signal(signal.SIGTERM, ended)
            note("started")
        """
        code = textwrap.dedent(prelude) + textwrap.dedent(script)

        async def ready(_pid: int) -> bool:
            return f"started {name}" in self.diary()

        return Process(
            name, (sys.executable, "-S", "-c", code), dict(os.environ), after, once=once, ready=ready, stop_s=stop_s
        )

    def diary(self) -> list[str]:
        return self.diary_file.read_text("utf-8").splitlines() if self.diary_file.exists() else []

    def supervisor(self, *processes: Process, patience: Patience = QUICK) -> Supervisor:
        return Supervisor(processes, output=Output(self.output), patience=patience)

    async def until(self, line: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while self.diary().count(line) < times:
                await asyncio.sleep(0.01)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_processes_start_in_order_and_stop_in_reverse_order(scene: Scene) -> None:
    supervisor = scene.supervisor(
        scene.process("store"),
        scene.process("schema", "note('done'); sys.exit(0)", after=("store",), once=True),
        scene.process("reader", after=("schema",)),
    )
    await supervisor.start()
    await supervisor.stop()
    assert scene.diary() == [
        "started store",
        "started schema",
        "done schema",
        "started reader",
        "stopped reader",
        "stopped store",
    ]


async def test_what_dies_is_started_again(scene: Scene) -> None:
    supervisor = scene.supervisor(scene.process("one"), scene.process("two"))
    await supervisor.start()
    pid = supervisor.pid("one")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await scene.until("started one", times=2)
    assert scene.diary().count("started two") == 1
    await supervisor.stop()
    assert supervisor.pid("one") is None


async def test_pauses_between_starts_grow_and_are_short_again_after_a_healthy_time(scene: Scene) -> None:
    async def pauses_of(patience: Patience) -> list[float]:
        pauses: list[float] = []

        async def noted(seconds: float) -> None:
            pauses.append(seconds)

        supervisor = Supervisor([moth], output=Output(scene.output), patience=patience, pause=noted)
        before = scene.diary().count("started moth")
        await supervisor.start()
        await scene.until("started moth", times=before + 5)
        await supervisor.stop()
        return pauses[:4]

    moth = scene.process("moth", "time.sleep(0.1); sys.exit(1)")
    assert await pauses_of(Patience(first_pause_s=1, longest_pause_s=4, healthy_s=60)) == [1, 2, 4, 4]
    assert await pauses_of(Patience(first_pause_s=1, longest_pause_s=4, healthy_s=0.01)) == [1, 1, 1, 1]


def test_a_process_that_fails_for_days_is_still_started_again() -> None:
    assert Patience(longest_pause_s=30).pause_s(100_000) == 30


async def test_what_refuses_its_input_stays_down_and_the_others_go_on(scene: Scene) -> None:
    refuses = "print('80 of 100 events would be rejected'); note('refused'); sys.exit(3)"
    supervisor = scene.supervisor(scene.process("edge"), scene.process("worker", refuses))
    with structlog.testing.capture_logs() as said:
        await supervisor.start()
        waiting = asyncio.create_task(supervisor.wait())
        async with asyncio.timeout(20):
            while not said:
                await asyncio.sleep(0.01)
    assert [(one["name"], one["said"]) for one in said] == [("worker", "80 of 100 events would be rejected")]
    assert not waiting.done()
    assert supervisor.pid("edge") is not None
    waiting.cancel()
    await supervisor.stop()
    assert scene.diary().count("started worker") == 1


async def test_a_one_shot_that_fails_is_tried_again(scene: Scene) -> None:
    script = f"sys.exit(0 if open({str(scene.diary_file)!r}).read().count('started schema') > 2 else 1)"
    supervisor = scene.supervisor(
        scene.process("schema", script, once=True), scene.process("reader", after=("schema",))
    )
    await supervisor.start()
    assert scene.diary() == ["started schema"] * 3 + ["started reader"]
    await supervisor.stop()


async def test_wrong_settings_are_not_tried_again_and_quoted(scene: Scene) -> None:
    supervisor = scene.supervisor(
        scene.process("broker", after=()),
        scene.process("edge", "print('端口 8080 is taken'); sys.exit(2)", once=True, after=("broker",)),
        scene.process("worker", after=("edge",)),
    )
    with pytest.raises(GaveUpError, match=r"edge cannot be started \(exit code 2\):\n  端口 8080 is taken"):
        await supervisor.start()
    await supervisor.stop()
    assert scene.diary() == ["started broker", "started edge", "stopped broker"]


async def test_a_process_that_never_gets_ready_is_given_up_after_some_tries(scene: Scene) -> None:
    supervisor = scene.supervisor(scene.process("edge", "sys.exit(1)", once=True))
    with pytest.raises(GaveUpError, match="edge"):
        await supervisor.start()
    assert scene.diary() == ["started edge"] * QUICK.tries


async def test_the_others_go_on_without_an_optional_one_that_cannot_be_started(scene: Scene) -> None:
    missing = scene.process("extra", "sys.exit(2)", once=True)
    supervisor = scene.supervisor(scene.process("edge"), replace(missing, optional=True))
    await supervisor.start()
    assert supervisor.pid("edge") is not None
    await supervisor.stop()


async def test_the_others_go_on_without_an_optional_one_that_cannot_be_run(scene: Scene, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF of another machine")
    foreign.chmod(0o755)
    extra = Process("extra", (str(foreign),), {}, after=("edge",), optional=True)
    supervisor = scene.supervisor(scene.process("edge"), extra)
    with structlog.testing.capture_logs() as said:
        await supervisor.start()
    assert "Exec format error" in said[-1]["error"]
    assert supervisor.pid("edge") is not None
    await supervisor.stop()
    assert scene.diary() == ["started edge", "stopped edge"]


async def test_what_cannot_be_run_is_quoted_with_the_reason(scene: Scene, tmp_path: Path) -> None:
    supervisor = scene.supervisor(scene.process("edge"), Process("worker", (str(tmp_path / "missing"),), {}))
    with pytest.raises(GaveUpError, match=r"worker cannot be started \(exit code 126\):\n(.*\n)*.*No such file"):
        await supervisor.start()
    await supervisor.stop()
    assert supervisor.pid("edge") is None


async def test_whatever_a_child_ends_with_the_others_are_stopped_in_order(scene: Scene) -> None:
    async def broken(_pid: int) -> bool:
        raise ValueError("a probe that cannot read its answer")

    supervisor = scene.supervisor(
        scene.process("store"), scene.process("reader", after=("store",)), replace(scene.process("edge"), ready=broken)
    )
    with pytest.raises(ValueError, match="probe"):
        await supervisor.start()
    await supervisor.stop()
    assert all(supervisor.pid(name) is None for name in ("store", "reader", "edge"))


async def test_a_process_that_is_not_ready_in_time_is_stopped_and_counts_as_a_failure(scene: Scene) -> None:
    never = replace(scene.process("worker"), ready=_never)
    # As it is by default, the time to get ready is longer than the one that clears what ready processes did wrong.
    patience = Patience(first_pause_s=0.01, healthy_s=0.1, ready_s=0.3, tries=2)
    supervisor = scene.supervisor(never, patience=patience)
    with pytest.raises(GaveUpError, match="worker"):
        async with asyncio.timeout(20):
            await supervisor.start()
    assert supervisor.pid("worker") is None


async def test_a_one_shot_may_take_as_long_as_it_takes(scene: Scene) -> None:
    schema = scene.process("schema", "time.sleep(0.5); note('done'); sys.exit(0)", once=True)
    supervisor = scene.supervisor(schema, patience=replace(QUICK, ready_s=0.1))
    await supervisor.start()
    assert scene.diary() == ["started schema", "done schema"]
    await supervisor.stop()


async def test_one_that_ignores_sigterm_is_killed_after_its_deadline_and_the_rest_still_stop(scene: Scene) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); note('deaf')\nwait()"
    supervisor = scene.supervisor(scene.process("store"), scene.process("worker", deaf, after=("store",), stop_s=0.1))
    await supervisor.start()
    await scene.until("deaf worker")
    await supervisor.stop()
    assert scene.diary()[-1] == "stopped store"
    assert supervisor.pid("worker") is None


async def test_grandchildren_do_not_stay_behind(scene: Scene, tmp_path: Path) -> None:
    script = f"""
        import subprocess
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        with open({str(tmp_path / "grandchild")!r}, "w") as file:
            file.write(str(child.pid))
        note("forked")
        wait()
    """
    supervisor = scene.supervisor(scene.process("edge", script))
    await supervisor.start()
    await scene.until("forked edge")
    grandchild = psutil.Process(int((tmp_path / "grandchild").read_text()))
    await supervisor.stop()
    assert _is_gone(grandchild)


async def test_stopping_while_things_still_start_leaves_nothing(scene: Scene) -> None:
    supervisor = scene.supervisor(scene.process("store"), scene.process("schema", once=True, after=("store",)))
    starting = asyncio.create_task(supervisor.start())
    await scene.until("started schema")
    starting.cancel()
    await supervisor.stop()
    assert scene.diary() == ["started store", "started schema", "stopped schema", "stopped store"]


async def test_a_second_signal_kills_what_is_slow_to_stop(scene: Scene) -> None:
    slow = "signal.signal(signal.SIGTERM, lambda *_: note('asked'))\nnote('set')\nwait()"
    supervisor = scene.supervisor(scene.process("worker", slow, stop_s=600))
    running = asyncio.create_task(supervisor.run())
    await scene.until("set worker")
    os.kill(os.getpid(), signal.SIGTERM)
    await scene.until("asked worker")
    os.kill(os.getpid(), signal.SIGINT)
    async with asyncio.timeout(20):
        await running


def test_children_die_with_a_killed_supervisor(scene: Scene) -> None:
    program = """
        import asyncio, os, sys
        from stream.embedded.supervisor import Process, Supervisor
        async def main():
            command = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
            supervisor = Supervisor([Process("child", command, {})])
            await supervisor.start()
            print(supervisor.pid("child"), flush=True)
            await supervisor.wait()
        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
        process.wait()
    assert _is_gone(child)


def test_an_order_that_cannot_be_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="reader"):
        scene.supervisor(scene.process("reader", after=("store",)), scene.process("store"))


async def test_output_of_children_is_one_log(scene: Scene) -> None:
    script = """
        print('{"event": "ready", "process": "worker", "level": "info"}')
        print('plain 文字')
        sys.exit(0)
    """
    supervisor = scene.supervisor(scene.process("job", script, once=True))
    await supervisor.start()
    await supervisor.stop()
    assert scene.output.getvalue().splitlines() == [
        '{"event": "ready", "process": "worker", "level": "info"}',
        '{"process":"job","event":"plain 文字"}',
    ]


async def _never(_pid: int) -> bool:
    return False


def _is_gone(process: psutil.Process) -> bool:
    try:
        process.wait(10)
    except psutil.TimeoutExpired:
        return False
    return True
