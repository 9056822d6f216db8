"""What a scenario is: a situation, the pipelines that show it, and what must be true of their traces.

A scenario is one small file. It makes a `Scenario` called `scenario` and hangs its variants on it:

    scenario = Scenario(__name__, __doc__, must="...", hypotheses=("H2",))

    @scenario.variant(expected=[Expected("P04", "stage stock", "a timed-out stage does not stop the others")])
    async def timeout() -> None:
        ...build a pipeline, run it, let the caller see what the caller sees...

    @scenario.control
    async def raised() -> None:
        ...the same shape without the fault: its trace must be clean...

Nothing is asserted in a scenario. Its expectations travel inside the trace, and the criteria judge it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

Body = Callable[[], Coroutine[Any, Any, None]]
"""The program of a variant: an application that runs a pipeline and lives on with what came of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that a variant is known to give; any other finding is news.

    Attributes:
        criterion: id of the criterion, for example `P04`.
        subject: the subject that the criterion names, for example `stage stock`.
        why: one sentence, for the person who reads the report.
        library: versions of stageflow-core that have it (a PEP 440 specifier); empty: it is not the library's doing.
        python: Python versions on which it shows (a PEP 440 specifier).
    """

    criterion: str
    subject: str
    why: str
    library: str = ">=1.2,<1.3"
    python: str = ">=3.11"

    def to_json(self) -> str:
        """One text of the resource attribute `spanproof.expect`."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a scenario.

    Attributes:
        name: short name within the scenario, for example `timeout`.
        says: what happens in it, in one sentence (the first line of its docstring).
        body: the program to run.
        expected: findings that it is known to give.
        control: the same shape without the fault; its trace must be clean.
        real: it deals with something outside of the loop (a process, a measurement) and means nothing on a virtual clock.
    """

    name: str
    says: str
    body: Body
    expected: tuple[Expected, ...] = ()
    control: bool = False
    real: bool = False


@dataclass(eq=False)
class Scenario:
    """A situation with its variants.

    Attributes:
        module: module that defines it (`__name__`); its last two parts are the scenario's name.
        situation: the module's docstring: first line the title, the rest the story.
        must: what has to be true in every variant, whatever the library does.
        hypotheses: hypotheses of the research summary that it serves (`H1` to `H10`).
        failure_modes: known failure modes (section 2.2) that it would show.
        success: success criteria (section 5) that it serves.
        tail_s: seconds that the program lives on after the pipeline has ended, so that what was left running shows itself.
    """

    module: str
    situation: str | None
    must: str
    hypotheses: tuple[str, ...]
    failure_modes: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    tail_s: float = 0.3
    variants: dict[str, Variant] = field(default_factory=dict[str, Variant])

    def __post_init__(self) -> None:
        if not (self.situation or "").strip():
            raise ValueError(f"scenario {self.module}: it has no docstring. Expected: its situation, the first line being its title.")

    @property
    def name(self) -> str:
        """Family and name, for example `propagation/parallel_cancellation`."""
        return "/".join(self.module.split(".")[-2:])

    @property
    def title(self) -> str:
        """First line of the situation."""
        return inspect.cleandoc(self.situation or "").splitlines()[0].rstrip(".")

    @property
    def story(self) -> str:
        """The situation below its title."""
        return "\n".join(inspect.cleandoc(self.situation or "").splitlines()[1:]).strip()

    def variant(self, *, expected: Iterable[Expected] = (), real: bool = False) -> Callable[[Body], Body]:
        """Register the decorated coroutine function as a variant, with the findings that it is known to give.

        Args:
            expected: the findings.
            real: run it on the real clock alone.
        """

        def register(body: Body) -> Body:
            self._add(body, tuple(expected), control=False, real=real)
            return body

        return register

    def control(self, body: Body) -> Body:
        """Register the decorated coroutine function as a control: its trace must be clean."""
        self._add(body, (), control=True, real=False)
        return body

    def _add(self, body: Body, expected: tuple[Expected, ...], *, control: bool, real: bool) -> None:
        name = getattr(body, "__name__", "")
        says = (inspect.getdoc(body) or "").split("\n", 1)[0]
        if not says:
            raise ValueError(f"{self.name}/{name}: the variant has no docstring. Expected: one sentence that says what happens in it.")
        if name in self.variants:
            raise ValueError(f"{self.name}: two variants are called {name!r}. Rename one; a variant has the name of its function.")
        self.variants[name] = Variant(name, says, body, expected, control, real)
