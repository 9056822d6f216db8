"""Random small recordings in the tiny language: trees of units that get cancelled, time out, wait for each other and start things late."""

from __future__ import annotations

from hypothesis import strategies as st

LAST = 60
STEP = 5
"""Times are multiples of 5 ms, half the grace: things often happen at its very end."""

_CHILDREN = {
    "task": ("task", "task", "pipeline", "scope"),
    "pipeline": ("stage", "stage", "stage", "cleanup"),
    "stage": ("task", "subpipeline", "scope"),
    "subpipeline": ("pipeline",),
    "scope": ("task",),
    "cleanup": ("task", "pipeline"),
}
_LETTER = {"task": "", "pipeline": "p.", "stage": "s.", "subpipeline": "u.", "scope": "k.", "cleanup": "c."}


@st.composite
def recordings(draw: st.DrawFn) -> str:
    """One line of the tiny language, with up to ten units."""
    kinds: dict[str, str] = {"a": draw(st.sampled_from(["task", "pipeline"]))}
    lives: dict[str, tuple[int, int]] = {"a": (0, draw(_times(5, LAST)))}
    parents: dict[str, str] = {"a": ""}
    ending = draw(st.sampled_from(["", "", "", " %torn", " %session", f" %session %closed={LAST * STEP}"]))
    for name in "bcdefghij"[: draw(st.integers(1, 9))]:
        parent = draw(st.sampled_from(sorted(kinds)))
        start = draw(_times(lives[parent][0] // STEP, lives[parent][1] // STEP))
        kinds[name] = draw(st.sampled_from(_CHILDREN[kinds[parent]]))
        lives[name] = (start, draw(_times(start // STEP, LAST)))
        parents[name] = parent
    words = [_unit(draw, name, kinds, lives, parents[name], can_be_open=bool(ending)) for name in kinds]
    return " ".join([*words, f"%until={LAST * STEP + draw(st.sampled_from([0, 5, 200]))}"]) + ending


def _times(first: int, last: int) -> st.SearchStrategy[int]:
    return st.integers(first, max(first, last)).map(lambda n: n * STEP)


def _unit(draw: st.DrawFn, name: str, kinds: dict[str, str], lives: dict[str, tuple[int, int]], parent: str, *, can_be_open: bool) -> str:
    kind, (start, end) = kinds[name], lives[name]
    opened = can_be_open and draw(st.integers(0, 4)) == 0
    facts = [_request(draw, kinds, start, end) for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2])))]
    if draw(st.integers(0, 5)) == 0 and kind in ("stage", "scope"):
        facts.append(f"d{draw(_times(start // STEP, end // STEP + 4))}" + ("/none" if kind == "scope" else ""))
    tasks = [other for other in kinds if kinds[other] == "task" and other != name]
    if tasks and draw(st.integers(0, 2)) == 0:
        begin = draw(_times(start // STEP, end // STEP))
        over = draw(st.one_of(st.just(""), _times(begin // STEP, end // STEP).map(str)))
        facts.append(f"w={draw(st.sampled_from(tasks))}@{begin}-{over}")
    if kind == "task" and draw(st.integers(0, 5)) == 0:
        facts.append(draw(st.sampled_from(["callback", "creator=", f"group={draw(st.sampled_from(sorted(kinds)))}"])))
    pipelines = [other for other in kinds if kinds[other] == "pipeline"]
    if pipelines and draw(st.integers(0, 6)) == 0:
        facts.append(f"flag={draw(st.sampled_from(pipelines))}@{draw(_times(start // STEP, end // STEP))}")
    # Runs fail often: an abort from inside is rare otherwise.
    outcome = draw(st.sampled_from(["=f", "=f", "=x", ""] if kind == "pipeline" else ["", "=c", "=x", "=t", "=f"]))
    return f"{_LETTER[kind]}{name}:{parent}:{start}-{'' if opened else end}{outcome}:{','.join(facts)}"


def _request(draw: st.DrawFn, kinds: dict[str, str], start: int, end: int) -> str:
    at = draw(_times(start // STEP, end // STEP))
    told = draw(st.sampled_from(["", "", ">", f">{draw(_times(at // STEP, end // STEP))}"]))
    mechanism = draw(st.sampled_from(["", "/timer", "/stageflow", "/runner", "/taskgroup"]))
    by = draw(st.sampled_from(["", f"@{draw(st.sampled_from(sorted(kinds)))}"]))
    fate = draw(
        st.sampled_from(
            ["", "", "", "~returned", f"%{draw(_times(at // STEP, end // STEP))}", f"-{draw(_times(at // STEP, end // STEP))}", "*"]
        )
    )
    return f"!{at}{told}{mechanism}{by}{fate}"
