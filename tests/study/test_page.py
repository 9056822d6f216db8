"""`report.html` and `audit.jsonl`: whole, without anything from elsewhere, every link leading somewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spanproof.study import StudyResult

pytestmark = pytest.mark.xdist_group("study")

VOID = {"meta", "rect", "line", "circle", "path", "br"}


class Reader(HTMLParser):
    """Collects ids, links and texts; refuses what is not closed, or comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name == "href" and value]
        assert "src" not in given
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_every_link_leads_somewhere(virtual: StudyResult) -> None:
    text = (virtual.folder / "report.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    reader.close()

    assert reader.open == []
    assert not {"script", "link", "img", "iframe"} & {*reader.tags}
    inside = [link.removeprefix("#") for link in reader.links if link.startswith("#")]
    outside = [link for link in reader.links if not link.startswith("#")]
    assert set(inside) <= {*reader.ids}
    assert all((virtual.folder / link).is_file() for link in outside)
    assert "svg" in reader.tags
    # A claim is told once, however many questions rest on it.
    claims = [each for each in reader.ids if re.fullmatch(r"[A-Z]\d+\.\d+", each)]
    assert len(claims) == len({judged.claim for answer in virtual.answers for judged in answer.claims}) == len(set(claims))


def test_its_answers_are_those_of_findings_json(virtual: StudyResult) -> None:
    text = (virtual.folder / "report.html").read_text(encoding="utf-8")

    for each in json.loads((virtual.folder / "findings.json").read_text(encoding="utf-8"))["answers"]:
        row = text.partition(f"<tr><td>{each['id']}</td>")[2].partition("</tr>")[0]
        assert f">{each['answer']}</td>" in row


def test_each_timeout_and_cancellation_has_its_line(virtual: StudyResult) -> None:
    lines = [json.loads(line) for line in (virtual.folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()]

    timeout = [each for each in lines if each["scenario"] == "propagation/parallel_cancellation/timeout"]
    assert [(each["kind"], each["name"], each["outcome"]) for each in timeout] == [("timeout", "stage credit", "timed_out")]
    assert timeout[0]["expired_ns"] - timeout[0]["deadline_ns"] == 0
    assert timeout[0]["code"]["function"] == "run_with_interceptors"
    assert all((virtual.folder / each["path"]).is_file() for each in lines)
    swallowed = [each for each in lines if each["swallowed_how"] and each["scenario"] == "baseline/simple_timeout/swallowed"]
    assert len(swallowed) == 1
    assert any(name.startswith("P08 ") for name in swallowed[0]["findings"])
