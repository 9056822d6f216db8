"""Small files as other programs write them, each with everything that the format has."""

from __future__ import annotations

from typing import Any

TRACE_ID = "5b8efff798038103d269b633813fc60c"
START_US = 1_700_000_000_000_000

OTLP: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}],
                "entityRefs": [{"type": "service", "idKeys": ["service.name"]}],
                "droppedAttributesCount": 2,
            },
            "scopeSpans": [
                {
                    "scope": {
                        "name": "lib",
                        "version": "1.2",
                        "attributes": [{"key": "tier", "value": {"intValue": "3"}}],
                        "droppedAttributesCount": 1,
                    },
                    "spans": [
                        {
                            "traceId": TRACE_ID,
                            "spanId": "00000000000000a1",
                            "parentSpanId": "",
                            "traceState": "a=b",
                            "flags": 257,
                            "name": "root",
                            "kind": 2,
                            "startTimeUnixNano": "1700000000000000001",
                            "endTimeUnixNano": "1700000000000000009",
                            "attributes": [
                                {"key": "http.status", "value": {"intValue": 200}},
                                {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"boolValue": True}]}}},
                            ],
                            "droppedAttributesCount": 4,
                            "droppedEventsCount": 5,
                            "droppedLinksCount": 6,
                            "status": {"code": 2, "message": "no"},
                            "events": [
                                {
                                    "timeUnixNano": "1700000000000000005",
                                    "name": "retry",
                                    "attributes": [{"key": "n", "value": {"intValue": "1"}}],
                                    "droppedAttributesCount": 7,
                                }
                            ],
                            "links": [
                                {
                                    "traceId": "f" * 32,
                                    "spanId": "00000000000000ff",
                                    "traceState": "c=d",
                                    "flags": 256,
                                    "attributes": [{"key": "why", "value": {"stringValue": "batch"}}],
                                    "droppedAttributesCount": 8,
                                }
                            ],
                        },
                        {
                            "traceId": TRACE_ID,
                            "spanId": "00000000000000a2",
                            "parentSpanId": "00000000000000a1",
                            "name": "child",
                            "kind": 3,
                            "startTimeUnixNano": "1700000000000000002",
                            "endTimeUnixNano": "1700000000000000003",
                        },
                    ],
                    "schemaUrl": "https://example.org/scope",
                }
            ],
            "schemaUrl": "https://example.org/resource",
        }
    ]
}


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    """A tag of Jaeger's."""
    return {"key": key, "type": kind, "value": value}


JAEGER: dict[str, Any] = {
    "data": [
        {
            "traceID": TRACE_ID,
            "spans": [
                {
                    "traceID": TRACE_ID,
                    "spanID": "00000000000000a1",
                    "flags": 1,
                    "operationName": "root",
                    "references": [],
                    "startTime": START_US,
                    "duration": 50,
                    "tags": [
                        tag("span.kind", "server"),
                        tag("otel.scope.name", "lib"),
                        tag("otel.scope.version", "1.2"),
                        tag("otel.status_code", "ERROR"),
                        tag("error", True, "bool"),
                        tag("otel.status_description", "no"),
                        tag("w3c.tracestate", "a=b"),
                        tag("big", "9223372036854775222", "int64"),
                        tag("n", 5, "int64"),
                        tag("half", 0.5, "float64"),
                        tag("yes", True, "bool"),
                        tag("blob", "AAAwOQ==", "binary"),
                        tag("list", '["x",true]'),
                    ],
                    "logs": [
                        {"timestamp": START_US + 7, "fields": [tag("event", "retry"), tag("n", 1, "int64")]},
                        {"timestamp": START_US + 8, "fields": [tag("message", "plain")]},
                    ],
                    "processID": "p1",
                    "warnings": ["clock skew"],
                },
                {
                    "traceID": TRACE_ID,
                    "spanID": "00000000000000a2",
                    "operationName": "child",
                    "references": [
                        {"refType": "FOLLOWS_FROM", "traceID": "f" * 32, "spanID": "00000000000000ff"},
                        {"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": "00000000000000a1"},
                        {"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": "00000000000000a3"},
                    ],
                    "startTime": START_US + 1,
                    "duration": 2,
                    "tags": [],
                    "logs": [],
                    "processID": "p2",
                    "warnings": None,
                },
            ],
            "processes": {
                "p1": {"serviceName": "shop", "tags": [tag("host.name", "h"), tag("process.pid", 7, "int64")]},
                "p2": {"serviceName": "stock", "tags": []},
            },
            "warnings": None,
        }
    ],
    "total": 0,
    "errors": None,
}

ZIPKIN: list[dict[str, Any]] = [
    {
        "traceId": TRACE_ID,
        "id": "00000000000000a1",
        "kind": "CLIENT",
        "name": "get /price",
        "timestamp": START_US,
        "duration": 50,
        "localEndpoint": {"serviceName": "shop", "ipv4": "10.0.0.1", "port": 80},
        "remoteEndpoint": {"serviceName": "prices", "ipv6": "::1", "port": 9000},
        "annotations": [
            {"timestamp": START_US + 2, "value": "ws"},
            {"timestamp": START_US + 3, "value": '"retry":{"n":1,"why":"slow"}'},
            {"timestamp": START_US + 4, "value": '{"retry": {"n": 2}}'},
            {"timestamp": START_US + 5, "value": 'retry|{"n":3}|0'},
        ],
        "tags": {"http.path": "/price", "error": "timed out", "otel.scope.name": "lib"},
        "debug": True,
    },
    {
        "traceId": TRACE_ID,
        "id": "00000000000000a2",
        "parentId": "00000000000000a1",
        "name": "local",
        "timestamp": START_US + 10,
        "duration": 5,
        "localEndpoint": {"serviceName": "prices"},
    },
]


def endpoint(service: str) -> dict[str, Any]:
    """An endpoint of Zipkin's first format."""
    return {"serviceName": service, "ipv4": "10.0.0.1", "port": 80}


ZIPKIN_V1: list[dict[str, Any]] = [
    {
        "traceId": "00000000000000b1",
        "id": "00000000000000b1",
        "name": "get",
        "timestamp": START_US,
        "duration": 40,
        "annotations": [
            {"timestamp": START_US, "value": "cs", "endpoint": endpoint("shop")},
            {"timestamp": START_US + 10, "value": "sr", "endpoint": endpoint("prices")},
            {"timestamp": START_US + 15, "value": "cache.miss", "endpoint": endpoint("prices")},
            {"timestamp": START_US + 30, "value": "ss", "endpoint": endpoint("prices")},
            {"timestamp": START_US + 40, "value": "cr", "endpoint": endpoint("shop")},
        ],
        "binaryAnnotations": [
            {"key": "http.path", "value": "/price", "endpoint": endpoint("shop")},
            {"key": "sa", "value": True, "endpoint": endpoint("price-proxy")},
            {"key": "error", "value": "boom", "endpoint": endpoint("prices")},
        ],
    },
    {
        "traceId": "00000000000000b1",
        "id": "00000000000000b2",
        "parentId": "00000000000000b1",
        "name": "lookup",
        "timestamp": START_US + 12,
        "duration": 5,
        "binaryAnnotations": [{"key": "lc", "value": "cache", "endpoint": endpoint("prices")}],
    },
]

CONSOLE: dict[str, Any] = {
    "name": "root",
    "context": {"trace_id": f"0x{TRACE_ID}", "span_id": "0x00000000000000a1", "trace_state": "['{key=a, value=b}', '{key=c, value=d}']"},
    "kind": "SpanKind.SERVER",
    "parent_id": None,
    "start_time": "2023-11-14T22:13:20.000001Z",
    "end_time": "2023-11-14T22:13:20.000009Z",
    "status": {"status_code": "ERROR", "description": "no"},
    "attributes": {"n": 5, "yes": True, "half": 0.5, "list": ["x", "y"], "none": None},
    "events": [{"name": "retry", "timestamp": "2023-11-14T22:13:20.000005Z", "attributes": {"n": 1}}],
    "links": [
        {"context": {"trace_id": "0x" + "f" * 32, "span_id": "0x00000000000000ff", "trace_state": "[]"}, "attributes": {"why": "batch"}}
    ],
    "resource": {"attributes": {"service.name": "shop"}, "schema_url": "https://example.org/resource"},
}

CHROME: dict[str, Any] = {
    "traceEvents": [
        {"ph": "M", "pid": 7, "tid": 1, "name": "process_name", "args": {"name": "shop"}},
        {"ph": "M", "pid": 7, "tid": 1, "name": "process_labels", "args": {"labels": "worker"}},
        {"ph": "M", "pid": 7, "tid": 1, "name": "thread_name", "args": {"name": "main"}},
        {
            "ph": "X",
            "pid": 7,
            "tid": 1,
            "ts": 100.25,
            "dur": 50.5,
            "name": "root",
            "cat": "net,io",
            "args": {"n": 5, "yes": True, "list": ["x"]},
        },
        {"ph": "B", "pid": 7, "tid": 1, "ts": 110, "name": "pair", "tts": 3, "args": {"a": "1"}},
        {"ph": "E", "pid": 7, "tid": 1, "ts": 120, "args": {"b": None}},
        {"ph": "i", "pid": 7, "tid": 1, "ts": 115, "name": "tick", "s": "t", "args": {"n": 1}},
        {"ph": "s", "pid": 7, "tid": 1, "ts": 112, "name": "flow", "cat": "f", "id": "0x1"},
        {"ph": "f", "pid": 8, "tid": 2, "ts": 131, "name": "flow", "cat": "f", "id": "0x1", "bp": "e"},
        {"ph": "X", "pid": 8, "tid": 2, "ts": 130, "dur": 2, "name": "far"},
        {"ph": "b", "pid": 7, "tid": 1, "ts": 140, "name": "request", "cat": "net", "id": "0x2", "args": {"url": "/"}},
        {"ph": "n", "pid": 7, "tid": 1, "ts": 141, "name": "sent", "cat": "net", "id": "0x2"},
        {"ph": "b", "pid": 7, "tid": 1, "ts": 142, "name": "answer", "cat": "net", "id": "0x2"},
        {"ph": "e", "pid": 7, "tid": 1, "ts": 143, "name": "answer", "cat": "net", "id": "0x2"},
        {"ph": "e", "pid": 7, "tid": 1, "ts": 900, "name": "request", "cat": "net", "id": "0x2"},
        {"ph": "S", "pid": 7, "tid": 1, "ts": 150, "name": "old", "cat": "net", "id": 3},
        {"ph": "T", "pid": 7, "tid": 1, "ts": 151, "name": "old", "cat": "net", "id": 3, "args": {"step": "half"}},
        {"ph": "F", "pid": 7, "tid": 1, "ts": 152, "name": "old", "cat": "net", "id": 3},
    ],
    "displayTimeUnit": "ns",
}

ALL: dict[str, Any] = {
    "otlp-json": OTLP,
    "jaeger-json": JAEGER,
    "zipkin-v2": ZIPKIN,
    "zipkin-v1": ZIPKIN_V1,
    "otel-console": CONSOLE,
    "chrome": CHROME,
}
"""A file of each format."""
