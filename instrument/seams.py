"""The places where the recorder touches a program, and whether each one held.

A seam that raised is switched off for the rest of the recording: its failure is one `probe.fault`, the program goes on
unharmed, and every criterion that needs the seam says UNKNOWN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = (
    "task",
    "cancel",
    "delivery",
    "deadline",
    "await",
    "runner",
    "watchdog",
    "stageflow",
    "cleanup",
    "flag",
    "anyio",
    "generator",
    "thread",
    "resource",
    "export",
)
"""Names of all seams, as criteria refer to them."""


class Seam:
    """One seam. `on` is read in hot paths; it turns False for good when a probe of this seam raises."""

    __slots__ = ("_report", "name", "on", "why")

    def __init__(self, name: str, report: Callable[[Seam, BaseException], None]) -> None:
        self.name = name
        self.on = False
        self.why = "absent: not installed"
        self._report = report

    def install(self, without: str = "") -> None:
        """Declare that the seam is in place; `without`: what it cannot see here, so that no criterion takes that for absent."""
        self.on = True
        self.why = f"held: without {without}" if without else "held"

    def absent(self, why: str) -> None:
        """Declare that there is nothing to hold on to, and why."""
        self.on = False
        self.why = f"absent: {why}"

    def fail(self, error: BaseException) -> None:
        """A probe raised: switch the seam off and report it once. Never raises."""
        if not self.on:
            return
        self.on = False
        self.why = f"lost: {type(error).__name__}"
        try:
            self._report(self, error)
        except BaseException:  # noqa: BLE001 - reporting a fault must not become a second one in the user's program
            pass

    def __enter__(self) -> None:
        """Guard a probe's own work: `with seam:` lets nothing out that the probe raised."""

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        # Ctrl-C and sys.exit() of a signal handler may strike while we work; without us the program would have got them.
        if error is None or isinstance(error, (KeyboardInterrupt, SystemExit)):
            return False
        self.fail(error)
        return True

    def __str__(self) -> str:
        return f"{self.name}={self.why}"


class Seams:
    """All seams of one recording."""

    def __init__(self, report: Callable[[Seam, BaseException], None]) -> None:
        made = [Seam(name, report) for name in NAMES]
        self._all = made
        self.task, self.cancel, self.delivery, self.deadline, self.awaiting = made[:5]
        self.runner, self.watchdog, self.stageflow, self.cleanup, self.flag = made[5:10]
        self.anyio, self.generator, self.thread, self.resource, self.export = made[10:]

    def __iter__(self) -> Iterator[Seam]:
        return iter(self._all)

    def described(self) -> list[str]:
        """Each seam as it goes into the trace."""
        return [str(seam) for seam in self]
