"""Keeps a group of processes running: started in order, restarted when they die, stopped in reverse order.

::

    start     a process starts when all that it comes `after` are ready (a one-shot: have ended well)
    die       it starts again after a pause that doubles each time, and is short again after a healthy period
    give up   only before it was ever ready: its settings are wrong, or it failed too often -> everything stops
    refuse    it ends with the exit code of a reject limit: a person must look at it -> it stays down, the others go on
    stop      a process is asked to stop (SIGTERM) when all that come after it are gone, and killed after its deadline

Children cannot outlive the supervisor, even when it is killed. It knows nothing of what they are.
"""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from stream.base import log
from stream.base.errors import GuidestreamError, RejectLimitError, SettingsError
from stream.embedded.lifeline import die_with_parent, stop_signals
from stream.embedded.output import Output, lines_of

_PROBE_S: Final = 0.05
_KEPT_LINES: Final = 12
"""Of a child's output, for the message when it fails."""
_NOT_RUN: Final = 126
"""In place of the exit code of what the system refuses to run, as a shell has it."""

_log = log.get(__name__)


async def _at_once(_pid: int) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Process:
    """One child."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    """All of its environment, nothing is inherited."""
    after: tuple[str, ...] = ()
    """Names of the processes that must be ready before this one starts."""
    once: bool = False
    """It does its work and ends with 0; then it is ready."""
    ready: Callable[[int], Awaitable[bool]] = _at_once
    """Asked with its pid until it says True; not asked of a one-shot."""
    stop_s: float = 15.0
    optional: bool = False
    """When it cannot be started the others go on without it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take."""

    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    healthy_s: float = 60.0
    """After so long without dying the next pause of a process that was ready is the first one again."""
    ready_s: float = 300.0
    """The broker's very first start downloads 43 MiB. A one-shot has no deadline: large data may take it hours."""
    tries: int = 5
    """Of a process that was never ready."""

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        # It is at its longest long before the power of a process that fails for hours would be no float any more.
        return min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(failures - 1, 64))


class GaveUpError(GuidestreamError):
    """A process could not be started; the message holds its last lines."""


@dataclass(slots=True)
class _Child:
    spec: Process
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was ready for the first time."""
    life: asyncio.Task[None] | None = None
    process: asyncio.subprocess.Process | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))


class Supervisor:
    """Runs `processes`, of which each may only come `after` ones that stand before it.

    Use it from the main thread's event loop: the kernel ties children to the thread that started them.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        output: Output | None = None,
        patience: Patience | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._children: dict[str, _Child] = {}
        for process in processes:
            unknown = set(process.after) - self._children.keys()
            if unknown or process.name in self._children:
                raise ValueError(f"{process.name}: named twice, or after {unknown or 'itself'}")
            self._children[process.name] = _Child(process)
        self._output = output or Output(sys.stderr)
        self._patience = patience or Patience()
        self._pause = pause
        self._hurry = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None

    def pid(self, name: str) -> int | None:
        """The pid of a child that runs now."""
        process = self._children[name].process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start all of them; returns when each was ready once.

        Raises:
            GaveUpError: one cannot be started; `stop` the rest.
        """
        for child in self._children.values():
            child.life = asyncio.create_task(self._live(child), name=child.spec.name)
        ready = asyncio.create_task(self._until_all_ready())
        try:
            await self._first(ready)
        finally:
            ready.cancel()

    async def wait(self) -> None:
        """Return never; raises when a process that was ready once cannot be kept."""
        await self._first(asyncio.get_running_loop().create_future())

    async def stop(self) -> None:
        """Stop all of them in reverse order; returns when none is left. A second call waits for the first."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_all())
        await asyncio.shield(self._stopping)

    def kill(self) -> None:
        """Make `stop` kill at once what still runs."""
        self._hurry.set()

    async def run(self, *, when_ready: Callable[[], None] | None = None) -> None:
        """Start, keep running until SIGTERM, SIGINT or SIGHUP, stop. A second signal kills what still runs.

        Args:
            when_ready: called once, when all processes are ready.

        Raises:
            GaveUpError: a process could not be started; the others were stopped.
        """
        asked = asyncio.Event()

        def on_signal() -> None:
            if asked.is_set():
                self.kill()
            asked.set()

        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, on_signal)
        until_asked = asyncio.create_task(asked.wait())
        work = asyncio.create_task(self._start_and_wait(when_ready))
        try:
            await asyncio.wait({until_asked, work}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (work, until_asked):
                task.cancel()
            _log.info("stopping")
            await self.stop()
            _log.info("stopped")

    async def _start_and_wait(self, when_ready: Callable[[], None] | None) -> None:
        began = monotonic()
        await self.start()
        _log.info("all ready", processes=len(self._children), seconds=round(monotonic() - began, 1))
        if when_ready is not None:
            when_ready()
        await self.wait()

    async def _until_all_ready(self) -> None:
        for child in self._children.values():
            await child.ready.wait()

    async def _first(self, goal: asyncio.Future[Any]) -> None:
        """Wait for the goal, or for a child that gives up."""
        lives: set[asyncio.Future[Any]] = {child.life for child in self._children.values() if child.life is not None}
        while not goal.done():
            done, _ = await asyncio.wait({goal, *lives}, return_when=asyncio.FIRST_COMPLETED)
            for life in done & lives:
                await life  # raises what it gave up with; a one-shot just ended
                lives.discard(life)

    async def _live(self, child: _Child) -> None:
        """All lives of one child; ends when a one-shot is done, raises when there is no sense in going on."""
        for name in child.spec.after:
            await self._children[name].ready.wait()
        failures = 0
        while True:
            began = monotonic()
            code = await self._live_once(child)
            if child.spec.once and code == 0:
                child.ready.set()
                return
            if code == RejectLimitError.exit_code:
                self._leave_down(child)
                return
            was_healthy = child.ready.is_set() and monotonic() - began > self._patience.healthy_s
            failures = 1 if was_healthy else failures + 1
            if self._is_hopeless(child, code, failures):
                self._give_up(child, code)
                return
            pause_s = self._patience.pause_s(failures)
            _log.warning("ended, is started again", name=child.spec.name, exit_code=code, pause_s=pause_s)
            await self._pause(pause_s)

    def _is_hopeless(self, child: _Child, code: int, failures: int) -> bool:
        if child.ready.is_set():
            return False
        # Wrong settings do not mend themselves; once it was ready they were right, and the port is only still in use.
        return code == SettingsError.exit_code or failures >= self._patience.tries

    def _give_up(self, child: _Child, code: int) -> None:
        lines = "\n".join(f"  {line}" for line in child.last_lines)
        error = GaveUpError(f"{child.spec.name} cannot be started (exit code {code}):\n{lines}")
        if not child.spec.optional:
            raise error
        _log.error("going on without it", name=child.spec.name, error=str(error))
        child.ready.set()

    def _leave_down(self, child: _Child) -> None:
        lines = "\n".join(child.last_lines)
        _log.critical(
            "refuses its input and is not started again: mend it and start all anew", name=child.spec.name, said=lines
        )
        child.ready.set()  # what comes after it need not wait for ever

    async def _live_once(self, child: _Child) -> int:
        """Start it, watch it, and leave nothing of it behind; its exit code."""
        try:
            process, reading = await self._spawn(child)
        except OSError as error:  # a program for another machine, no memory for a fork, too many open files
            child.last_lines.append(str(error))
            return _NOT_RUN
        try:
            await self._until_ready(child, process)
            return await process.wait()
        finally:
            await self._end(child.spec, process)
            await asyncio.wait({reading}, timeout=1)  # longer only when a grandchild has left the group
            reading.cancel()

    async def _spawn(self, child: _Child) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        """The process, and the task that reads what it says until nobody has its output open."""
        # A pipe of our own: asyncio's would hold `wait` up for as long as a grandchild keeps it open.
        ours, theirs = os.pipe()
        reading = asyncio.create_task(self._read(child, ours))
        try:
            child.process = await asyncio.create_subprocess_exec(
                *child.spec.command,
                env=child.spec.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,  # Ctrl-C on the terminal is for us; and its group can be killed as one
                preexec_fn=die_with_parent(),
            )
        finally:
            os.close(theirs)
        return child.process, reading

    async def _read(self, child: _Child, descriptor: int) -> None:
        async for line in lines_of(descriptor):
            child.last_lines.append(line.decode("utf-8", "replace")[:2000])
            self._output.write(child.spec.name, line)

    async def _until_ready(self, child: _Child, process: asyncio.subprocess.Process) -> None:
        if child.spec.once:
            return
        deadline = monotonic() + self._patience.ready_s
        while process.returncode is None and monotonic() < deadline:
            if await child.spec.ready(process.pid):
                child.ready.set()
                return
            await asyncio.sleep(_PROBE_S)
        if process.returncode is None:
            _log.warning("not ready in time", name=child.spec.name, deadline_s=self._patience.ready_s)
            await self._end(child.spec, process)

    async def _end(self, spec: Process, process: asyncio.subprocess.Process) -> None:
        """Ask it to stop, kill it after its deadline, and kill what is left of its group."""
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            if not await self._ended(process, spec.stop_s):
                _log.warning("did not stop in time and was killed", name=spec.name, deadline_s=spec.stop_s)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _ended(self, process: asyncio.subprocess.Process, deadline_s: float) -> bool:
        ended, hurry = asyncio.create_task(process.wait()), asyncio.create_task(self._hurry.wait())
        await asyncio.wait({ended, hurry}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, hurry):
            task.cancel()
        return process.returncode is not None

    async def _stop_all(self) -> None:
        gone = {name: asyncio.Event() for name in self._children}
        async with asyncio.TaskGroup() as tasks:
            for child in self._children.values():
                followers = [
                    gone[other.spec.name] for other in self._children.values() if child.spec.name in other.spec.after
                ]
                tasks.create_task(self._stop_one(child, followers, gone[child.spec.name]))

    async def _stop_one(self, child: _Child, followers: list[asyncio.Event], gone: asyncio.Event) -> None:
        for follower in followers:
            await follower.wait()
        if child.life is not None:
            child.life.cancel()
            # `start` or `wait` has raised what a life ended with; the others are stopped whatever that was.
            await asyncio.gather(child.life, return_exceptions=True)
        gone.set()
