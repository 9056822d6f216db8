"""OTLP protobuf: the same as its JSON, however it is framed; and whatever is damaged in it."""

from __future__ import annotations

import gzip
import random
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from spanproof.analyzers import InputError, check, load
from spanproof.analyzers.read.formats.otlp_proto import OtlpProto
from spanproof.analyzers.read.wire import Broken, places
from tests.analyzers.foreign import OTLP, TRACE_ID
from tests.analyzers.protobuf import FRAMINGS, fixed, message, with_bytes
from tests.analyzers.reading import Reader, reader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each attribute with what it was; those that `kinds` does not reach are text. Their order does not matter.
KIND = "coalesce(nullif(substr(kinds, i, 1), ''), 's')"
_PAIR = f"{{'k': map_keys(attributes)[i], 'v': map_values(attributes)[i], 'kind': {KIND}}}"
ENTRIES = f"[{_PAIR} for i in range(1, cardinality(attributes)::BIGINT + 1)]"
SORTED = f"cast(list_sort({ENTRIES}) as varchar) as attributes"
EVERYTHING = (
    f"select * exclude (record, line, kinds) replace ({SORTED}) from spans order by span_id",
    f"select * exclude (record, kinds) replace ({SORTED}) from events order by span_id, ordinal",
    f"select * exclude (record, kinds) replace ({SORTED}) from links order by span_id, ordinal",
    f"select service_name, {SORTED} from resources",
)
SPAN_IDS = "select span_id from spans order by record"


@pytest.fixture(scope="module")
def one() -> Iterator[Reader]:
    with reader() as made:
        yield made


def everything(one: Reader, content: Any) -> tuple[str, ...]:
    """What the tables hold, apart from where it stood."""
    read = one.read(content)
    return tuple(read.rows(sql) for sql in EVERYTHING)


def spans(*numbers: int, **members: Any) -> bytes:
    """TracesData with spans of these numbers; `members` are more of each."""
    plain = [{"traceId": TRACE_ID, "spanId": f"{number:016x}", "name": f"span {number}", "startTimeUnixNano": "5"} for number in numbers]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return message({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span | members for span in plain]}]}]})


def numbers(read: Any) -> list[int]:
    return [int(line, 16) for line in read.rows(SPAN_IDS).split("\n") if line]


@pytest.mark.parametrize("way", FRAMINGS)
def test_it_says_what_the_json_says(one: Reader, way: str) -> None:
    expected = everything(one, OTLP)
    read = one.read(FRAMINGS[way](message(OTLP)))
    assert (read.format, read.problems) == ("otlp-proto", "")
    assert everything(one, FRAMINGS[way](message(OTLP))) == expected


@pytest.mark.parametrize("way", FRAMINGS)
def test_many_messages_are_read_one_after_another(one: Reader, way: str) -> None:
    read = one.read(b"".join(FRAMINGS[way](spans(number, number + 1)) for number in range(1, 400, 2)))
    assert (numbers(read), read.problems) == (list(range(1, 401)), "")
    assert read.rows("select count(*) from resources") == "1"


def anything(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    """A value of any kind."""
    kinds = ["stringValue", "boolValue", "intValue", "doubleValue", "bytesValue", "nothing", *(["arrayValue", "kvlistValue"] * (depth < 3))]
    match kind := chance.choice(kinds):
        case "stringValue":
            return {kind: chance.choice(["", "x", "Zürich\u2028", "\0", "9" * 300])}
        case "boolValue":
            return {kind: chance.random() < 0.5}
        case "intValue":
            return {kind: str(chance.choice([0, -1, 127, 128, 2**63 - 1, -(2**63)]))}
        case "doubleValue":
            return {kind: chance.choice([0.5, -1e300, 0.1, 1e16])}
        case "bytesValue":
            return {kind: "AAEC/w=="}
        case "arrayValue":
            return {kind: {"values": [anything(chance, depth + 1) for _ in range(chance.randrange(4))]}}
        case "kvlistValue":
            return {kind: {"values": [{"key": f"k{n}", "value": anything(chance, depth + 1)} for n in range(chance.randrange(4))]}}
        case _:
            return {}


def attributes(chance: random.Random) -> list[dict[str, Any]]:
    return [{"key": chance.choice(["", "ü", "k"]) + str(n), "value": anything(chance)} for n in range(chance.randrange(6))]


def test_it_reads_what_the_classes_of_opentelemetry_read(one: Reader) -> None:
    """The JSON is what those classes make of the bytes, so that it is they that decide what the bytes mean."""
    chance = random.Random(7)
    many = [
        {
            "traceId": f"{chance.getrandbits(128) | 1:032x}",
            "spanId": f"{number:016x}",
            "parentSpanId": chance.choice(["", "0" * 16, "00000000000000aa"]),
            "traceState": chance.choice(["", "a=b"]),
            "flags": chance.choice([0, 1, 2**32 - 1]),
            "name": chance.choice(["", "x", "ü" * 200]),
            "kind": chance.randrange(6),
            "startTimeUnixNano": str(chance.choice([0, 1, 2**62])),
            "endTimeUnixNano": str(chance.choice([0, 2**62 + 1])),
            "attributes": attributes(chance),
            "droppedAttributesCount": chance.choice([0, 200]),
            "droppedEventsCount": chance.choice([0, 2**32 - 1]),
            "droppedLinksCount": chance.choice([0, 1]),
            "status": {"code": chance.randrange(3), "message": chance.choice(["", "no"])},
            "events": [
                {"name": f"e{n}", "timeUnixNano": "5", "attributes": attributes(chance), "droppedAttributesCount": n}
                for n in range(chance.randrange(3))
            ],
            "links": [
                {"traceId": "f" * 32, "spanId": "f" * 16, "flags": n, "traceState": "c=d" * n, "attributes": attributes(chance)}
                for n in range(chance.randrange(3))
            ],
        }
        for number in range(1, 400)
    ]
    data = message({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": many}]}]})
    again = MessageToDict(TracesData.FromString(data), preserving_proto_field_name=False)
    again = orjson.loads(orjson.dumps(again))
    assert with_bytes({"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": many[:1]}]}]}) != again
    assert one.read(data).problems == ""
    assert everything(one, data) == everything(one, again)


def test_golden_traces_are_judged_alike(checkout: Path, tmp_path: Path) -> None:
    paths = sorted((checkout / "traces" / "golden").glob("parallel_cancellation.timeout.virtual.json"))
    for number, path in enumerate(paths):
        lines = [message(orjson.loads(line)) for line in path.read_bytes().splitlines()]
        frame = list(FRAMINGS.values())[number % 3]
        (tmp_path / path.name).write_bytes(b"".join(frame(line) for line in lines))
    ours, theirs = check(paths), check([tmp_path])
    assert len(ours.findings) > 5
    assert [vars_of(f) for f in theirs.findings] == [vars_of(f) for f in ours.findings]
    assert load([tmp_path]).execute("select distinct format, format_version from files").fetchall() == [("otlp-proto", 1)]


def vars_of(finding: Any) -> tuple[Any, ...]:
    return tuple(
        getattr(finding, name) for name in ("criterion", "trace_id", "span_id", "subject", "measured", "severity", "note", "fingerprint")
    )


@pytest.mark.parametrize("way", FRAMINGS)
def test_cut_anywhere_it_gives_each_span_that_is_whole(one: Reader, way: str) -> None:
    frames = [FRAMINGS[way](spans(number)) for number in (1, 2, 3)]
    content = b"".join(frames)
    # Before the first 40 bytes or so nobody can tell what it is.
    for size in range(50, len(content), 9):
        read = one.read(content[:size])
        whole = 1 + (size >= len(frames[0] + frames[1])) if size >= len(frames[0]) else 0
        assert read.format == "otlp-proto"
        assert len(numbers(read)) in {whole, whole + 1}  # a span may be whole in a message that is not
        at_end = size in {len(frames[0]), len(frames[0] + frames[1])}
        done = "- | info | half a last message: the writer was stopped while it wrote | what is whole of it was read"
        assert read.problems == ("" if at_end else done)


def test_whole_spans_of_a_cut_message_are_read(one: Reader) -> None:
    content = spans(*range(1, 11))
    for frame in FRAMINGS.values():
        read = one.read(frame(content)[:-5])
        assert numbers(read) == list(range(1, 10))


LOST = "- | data_loss | bytes that are no OTLP protobuf"
FOUND = "they were left out, the next message was looked for"


@pytest.mark.parametrize(
    "junk", [b"\xff" * 20, b"hello, world\n" * 9, bytes(range(256)) * 400, b"\n" * 999], ids=["ff", "text", "all", "lines"]
)
@pytest.mark.parametrize("way", FRAMINGS)
def test_junk_between_costs_nothing_else(one: Reader, way: str, junk: bytes) -> None:
    frame = FRAMINGS[way]
    read = one.read(frame(spans(1)) + junk + frame(spans(2)) + frame(spans(3)))
    assert {1, 2, 3} >= set(numbers(read)) >= {1, 3}
    assert "data_loss" in read.problems or "notice" in read.problems


def test_junk_between_is_told_with_its_length(one: Reader) -> None:
    read = one.read(spans(1) + b"\xff" * 20 + spans(2))
    assert (numbers(read), read.problems) == ([1, 2], f"{LOST}: 20 bytes | {FOUND}")


def test_a_length_that_lies_costs_its_message_at_most(one: Reader) -> None:
    first, second, third = spans(1), spans(2), spans(3)
    for wrong in (1, 7, 30):
        long = one.read(fixed(first) + (len(second) + wrong).to_bytes(4, "big") + second + fixed(third))
        assert numbers(long) == [1, 2, 3]
        assert long.problems == "- | notice | the length before a message is too large | the next message was found all the same"
        short = one.read(fixed(first) + (len(second) - wrong).to_bytes(4, "big") + second + fixed(third))
        assert (numbers(short), short.problems.split(":")[0]) == ([1, 3], LOST)


def test_messages_of_nothing_are_said(one: Reader) -> None:
    read = one.read(fixed(spans(1)) + bytes(40) + fixed(spans(2)))
    assert numbers(read) == [1, 2]
    row = "- | info | a message of no bytes{} | there is nothing to read of it"
    assert read.problems == "\n".join([row.format("")] * 5 + [row.format(": 5 more")])


def test_the_scope_may_stand_behind_its_spans(one: Reader) -> None:
    scope = field(1, field(1, b"lib"))
    read = one.read(field(1, field(1, b"\x10\x01") + field(2, field(2, ODD) + scope)))
    assert read.rows("select attributes from spans") == "{'otel.scope.name': 'lib'}"
    assert read.rows("select attributes from resources") == "{'otel.dropped_attributes_count': '1'}"


def around(raw: bytes) -> bytes:
    """A file with a span of these bytes between two that are in order."""
    good = [
        Span(trace_id=bytes.fromhex(TRACE_ID), span_id=bytes(7) + bytes([n]), start_time_unix_nano=5).SerializeToString() for n in (1, 3)
    ]
    scope = b"".join(field(2, span) for span in (good[0], raw, good[1]))
    return field(1, field(2, scope))


def field(number: int, content: bytes) -> bytes:
    """A field with a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


ODD = field(1, bytes.fromhex(TRACE_ID)) + field(2, bytes(7) + b"\2")
NOT_UTF8 = "- | notice | bytes that are no UTF-8 | each was replaced by U+FFFD"


@pytest.mark.parametrize(
    ("raw", "columns", "problems"),
    [
        (ODD + field(5, b"a\xffb"), "2 | a\ufffdb | {}", NOT_UTF8),
        (ODD + field(9, field(1, b"k\xff") + field(2, field(1, b"\xc3"))), "2 |  | {'k\ufffd': '\ufffd'}", "\n".join([NOT_UTF8] * 2)),
        (
            ODD + field(9, field(1, b"k") + b"\x12\x7f") + field(9, field(1, b"l")),
            "2 |  | {'l': None}",
            "- | data_loss | an attribute is malformed: it is no protobuf | it was left out",
        ),
        (
            ODD + field(9, field(1, b"k")) + field(9, field(1, b"k") + field(2, b"\x18\x05")),
            "2 |  | {'k': '5'}",
            "- | notice | an attribute key occurs twice | the last one was kept",
        ),
        (
            field(1, bytes.fromhex(TRACE_ID)) + field(2, b"\2"),
            "2 |  | {}",
            "- | notice | an id is not 16 bytes long, or 8 of a span: '02' | it was taken as it is, with zeros before a short one",
        ),
        (
            field(1, TRACE_ID.upper().encode()) + field(2, b"0000000000000002"),
            "2 |  | {}",
            "\n".join(
                f"- | notice | an id is hex digits as text: '{id_}' | the digits were taken" for id_ in (TRACE_ID.upper(), f"{2:016}")
            ),
        ),
        (field(1, bytes.fromhex(TRACE_ID)), None, "- | data_loss | a span is malformed: it has no id | it was left out"),
        (ODD + b"\x2a\x7f", None, "- | data_loss | a span is malformed: it is no protobuf | it was left out"),
        (ODD + b"\x0b", None, "- | data_loss | a span is malformed: it is no protobuf | it was left out"),
        (
            ODD + field(99, b"x") + b"\x28\x01",
            "2 |  | {}",
            "\n".join(f"- | data_loss | a span has a field that OTLP does not have: number {n} | it was left out" for n in (99, 5)),
        ),
        (ODD + b"\x30\x63", "2 |  | {}", "- | data_loss | the kind of a span is unknown: 99 | it counts as not said"),
        (
            ODD + b"\x41" + b"\xff" * 8,
            "2 |  | {}",
            f"- | data_loss | a time is no time since 1970, or beyond the year 2262: {2**64 - 1} | it counts as missing",
        ),
        (ODD + field(11, b"\x09"), "2 |  | {}", "- | data_loss | an event is malformed: it is no protobuf | it was left out"),
        (ODD + field(13, b""), "2 |  | {}", "- | data_loss | a link is malformed: it has no id | it was left out"),
        (ODD + field(15, b"\x18"), "2 |  | {}", "- | data_loss | a status is malformed: it is no protobuf | it was left out"),
    ],
)
def test_one_bad_span_never_costs_its_neighbours(one: Reader, raw: bytes, columns: str | None, problems: str) -> None:
    read = one.read(around(raw))
    assert numbers(read) == ([1, 3] if columns is None else [1, 2, 3])
    found = read.rows("select cast(ltrim(span_id, '0') as varchar), name, attributes from spans where ltrim(span_id, '0') = '2'")
    assert (found or None, read.problems) == (columns, problems)


def test_numbers_that_json_has_not(one: Reader) -> None:
    def of(key: bytes, last: bytes) -> bytes:
        return field(9, field(1, key) + field(2, b"\x21" + bytes(6) + last))

    read = one.read(around(ODD + of(b"a", b"\xf8\x7f") + of(b"b", b"\xf0\x7f") + of(b"c", b"\xf0\xff")))
    found = read.rows("select attributes from spans where cardinality(attributes) > 0")
    assert found == "{'a': 'NaN', 'b': 'Infinity', 'c': '-Infinity'}"


def test_an_oddity_is_said_each_time(one: Reader) -> None:
    odd = field(9, field(1, b"k\xff"))
    read = one.read(
        field(1, field(2, b"".join(field(2, field(1, bytes(15) + b"\1") + field(2, bytes(7) + bytes([n])) + odd) for n in (1, 2))))
    )
    assert (numbers(read), read.problems) == ([1, 2], "\n".join([NOT_UTF8] * 2))


def test_counts_have_32_bits_as_the_classes_have_them(one: Reader) -> None:
    read = one.read(around(ODD + b"\x50" + varint(2**40 + 5) + field(11, b"\x20" + varint(2**40 + 6))))
    assert read.rows("select dropped_attributes from spans where dropped_attributes is not null") == "5"
    assert read.rows("select attributes from events") == "{'otel.dropped_attributes_count': '6'}"


@pytest.mark.parametrize("data", [b"\x0a\x80\x01", b"\x80\x01"])
def test_a_field_does_not_begin_beyond_its_message(data: bytes) -> None:
    with pytest.raises(Broken) as caught:
        list(places(data, 0, len(data) - 1))
    assert caught.value.at == 0


def deep(levels: int) -> bytes:
    """A list in a list, and so on."""
    value = b"\x18\x01"
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


def test_what_is_nested_too_deeply_is_left_out_and_no_crash(one: Reader) -> None:
    read = one.read(around(ODD + field(9, field(1, b"k") + field(2, deep(3_000))) + field(9, field(1, b"l"))))
    assert numbers(read) == [1, 2, 3]
    assert read.problems == "- | data_loss | values nested deeper than 32 | they were left out, the rest was read"
    assert "(nested too deeply)" in read.rows("select attributes['k'] from spans where cardinality(attributes) = 2")


def test_a_length_that_lies_takes_no_memory() -> None:
    for lie in (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"):
        content = lie + b"\x0a" + varint(2**30) + spans(1)[2:]
        with reader() as one:
            tracemalloc.start()
            read = one.read(content)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert (read.format, numbers(read)) == ("otlp-proto", [1])
            assert peak < 40 << 20


def test_a_bomb_of_empty_fields_is_bounded(one: Reader) -> None:
    read = one.read(message({"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}) * 50_000 + spans(1))
    assert numbers(read) == [1]


@pytest.mark.parametrize(
    "unit", [b"\x0a\xff\xff\x03", b"\x0a\x0a", b"\x0a\xff\x7f\x12\x00\x12\x00", b"\x0a\x00", b"\x0a\x7f\x12\x7d\x12\x7b"]
)
def test_a_bomb_of_beginnings_is_no_quadratic_work(one: Reader, unit: bytes) -> None:
    read = one.read(fixed(spans(1)) + unit * (100_000 // len(unit)) + fixed(spans(2)))
    assert 1 in numbers(read)
    assert read.problems


METRICS = ExportMetricsServiceRequest()
METRICS.resource_metrics.add().scope_metrics.add().metrics.add(name="sixteen.letters!", description="eight...").gauge.data_points.add(
    as_int=5
)
METRICS.resource_metrics[0].resource.attributes.add(key="service.name").value.string_value = "shop"
LOGS = ExportLogsServiceRequest()
LOGS.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5, trace_id=b"t" * 16, span_id=b"s" * 8)
LOGS.resource_logs[0].resource.attributes.add(key="service.name").value.string_value = "shop"


@pytest.mark.parametrize("other", [METRICS, LOGS], ids=["metrics", "logs"])
def test_other_signals_are_refused_by_name(tmp_path: Path, other: Any) -> None:
    for frame in (bytes, fixed):
        path = tmp_path / "a.bin"
        path.write_bytes(frame(other.SerializeToString()))
        with pytest.raises(InputError, match="looks like OTLP metrics or logs as protobuf; this build reads"):
            load([path])


@pytest.mark.parametrize(
    "text",
    [
        b"\n" * 60 + b"hello",
        b"\n\na\nb\n",
        b"\na\nb\n",
        b'\n{"resourceSpans":[]}',
        b"\n \n\x0c\n\n",
        b"\n\r\n\r\nx",
        b"a\nb\nc\n",
        b"\0" * 99,
    ],
)
def test_text_is_no_protobuf(text: bytes) -> None:
    assert not OtlpProto().recognises(text)


def test_it_may_be_packed(one: Reader) -> None:
    packed = gzip.compress(fixed(spans(1)) + fixed(spans(2)), mtime=0)
    collected = fixed(zstd.compress(spans(1))) + fixed(zstd.compress(spans(2)))
    for content in (packed, collected):
        read = one.read(content)
        assert (read.format, numbers(read), read.problems) == ("otlp-proto", [1, 2], "")


@pytest.mark.parametrize("way", FRAMINGS)
def test_nothing_raises_whatever_bytes_are_damaged(one: Reader, way: str) -> None:
    content = FRAMINGS[way](message(OTLP)) + FRAMINGS[way](spans(7))

    @settings(max_examples=300)
    @given(
        st.lists(st.tuples(st.integers(0, len(content)), st.binary(max_size=3), st.integers(0, 3)), max_size=4),
        st.integers(0, len(content)),
    )
    @example([], 50)
    def damage(faults: list[tuple[int, bytes, int]], cut: int) -> None:
        changed = content
        for at, odd, gone in faults:
            changed = changed[:at] + odd + changed[at + gone :]
        files.add(changed[:cut] if cut > len(content) // 2 else changed)

    with one.many() as files:
        damage()
