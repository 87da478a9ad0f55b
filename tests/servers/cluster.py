"""A server on loopback that keeps an index as Elasticsearch does, as far as we ask it to.

Neither Elasticsearch nor OpenSearch comes from a registry that the tests may use. This one speaks
their HTTP to their own clients: it keeps documents, versions and aliases, analyses by whitespace,
and evaluates every part of the query language that we send. What it does not know it refuses with
400, as they do, so that a question that no cluster understands fails a test. It scores by how often
a word stands in how long a field; stems of "english" are made by cutting endings.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_MOST_TERMS = 65_536
_MOST_HITS = 10_000
_DEEPEST = 30
_ENDING = re.compile("(?:ings|ing|s)$")
_MEDIA_TYPE = re.compile(r"application/vnd\.elasticsearch\+json; ?compatible-with=[0-9]+")

Json = dict[str, Any]
Analyzer = Callable[[str], list[str]]


class Refusal(Exception):
    """What the server does not do.

    Attributes:
        kind: as Elasticsearch calls it.
    """

    def __init__(self, status: int, kind: str, reason: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind

    def json(self) -> Json:
        error = {"type": self.kind, "reason": str(self)}
        return {"error": error | {"root_cause": [error]}, "status": self.status}


def _known(given: Mapping[str, Any], *names: str) -> None:
    for name in given:
        if name not in names:
            raise Refusal(400, "parsing_exception", f"unknown [{name}]")


@dataclass
class Document:
    """One version of a document; `source` is None for a deletion, which is remembered."""

    version: int
    source: Json | None
    words: dict[str, list[str]] = field(default_factory=dict)


class Index:
    """Documents under a strict mapping."""

    def __init__(self, body: Json) -> None:
        _known(body, "settings", "mappings")
        settings, mappings = body["settings"], body["mappings"]
        _known(settings, "analysis", "index", "number_of_shards", "number_of_replicas")
        _known(settings["index"], "sort.field", "sort.order", "gc_deletes", "number_of_replicas")
        _known(mappings, "dynamic", "_source", "properties")
        self.definition = body
        self.fields: Json = mappings["properties"]
        self.documents: dict[str, Document] = {}
        self._analyzers: dict[str, Analyzer] = {"whitespace": str.split}
        analysis = settings["analysis"]
        _known(analysis, "analyzer", "filter")
        for name, given in analysis["analyzer"].items():
            _known(given, "type", "tokenizer", "filter")
            assert (given["type"], given["tokenizer"]) == ("custom", "whitespace")
            stems = [analysis["filter"][each] for each in given["filter"]]
            self._analyzers[name] = _stemming if stems else str.split
            assert all(each == {"type": "stemmer", "language": "english"} for each in stems)

    def analyze(self, name: str, text: str) -> list[str]:
        return self._analyzers[self.fields[name]["analyzer"]](text)

    def put(self, key: str, version: int, source: Json | None) -> int:
        """Return the status."""
        known = self.documents.get(key)
        if known is not None and known.version >= version:
            return 409
        words: dict[str, list[str]] = {}
        for name, value in (source or {}).items():
            if name not in self.fields:
                raise Refusal(400, "strict_dynamic_mapping_exception", name)
            kind = self.fields[name]["type"]
            if kind == "long" and type(value) is not int:
                raise Refusal(400, "document_parsing_exception", name)
            words[name] = self.analyze(name, value) if kind == "text" else []
        self.documents[key] = Document(version, source, words)
        if source is None:
            return 200 if known is not None and known.source is not None else 404
        return 201 if known is None else 200

    # -- questions ---------------------------------------------------------------------------

    def search(self, body: Json) -> list[Json]:
        _known(body, "query", "sort", "size", "search_after", "_source", "track_total_hits")
        if body["size"] > _MOST_HITS:
            raise Refusal(400, "illegal_argument_exception", "result window is too large")
        found = []
        for document in self.documents.values():
            if document.source is not None:
                score = self._score(body["query"], document, 0)
                if score is not None:
                    found.append((score, document.source))
        hits: list[Json] = [
            {"_id": str(source["id"]), "sort": [_by(each, score, source) for each in body["sort"]]}
            for score, source in found
        ]
        hits.sort(key=lambda hit: [-each for each in hit["sort"]])
        after = body.get("search_after")
        if after is not None:
            behind = [-each for each in after]
            hits = [hit for hit in hits if [-each for each in hit["sort"]] > behind]
        return hits[: body["size"]]

    def _score(self, query: Json, document: Document, depth: int) -> float | None:
        """Return how well a document fits; None if it does not."""
        [(kind, given)] = query.items()
        if kind == "bool":
            return self._bool(given, document, depth + 1)
        if kind == "constant_score":
            _known(given, "filter", "boost")
            found = self._score(given["filter"], document, depth)
            return None if found is None else float(given["boost"])
        if kind == "match_none":
            return None
        if kind == "multi_match":
            _known(given, "query", "type", "fields")
            assert given["type"] == "phrase"
            scores = []
            for each in given["fields"]:
                name, _, boost = each.partition("^")
                found = self._phrase(document, name, given["query"])
                if found is not None:
                    scores.append(found * float(boost or 1))
            return max(scores, default=None)
        [(name, value)] = given.items()
        source = document.source or {}
        if kind == "match_phrase":
            _known(value, "query")
            return self._phrase(document, name, value["query"])
        if kind in ("term", "prefix"):
            _known(value, "value")
            is_text = self.fields[name]["type"] == "text"
            words = document.words[name] if is_text else source[name]
            wanted = value["value"]
            fits = wanted in words if kind == "term" else any(w.startswith(wanted) for w in words)
            return 1.0 if fits else None
        assert self.fields[name]["type"] == "long"
        if kind == "terms":
            if len(value) > _MOST_TERMS:
                raise Refusal(400, "illegal_argument_exception", "too many terms")
            return 1.0 if source[name] in value else None
        if kind == "range":
            _known(value, "gt", "gte", "lte")
            above = source[name] > value.get("gt", -math.inf)
            within = value.get("gte", -math.inf) <= source[name] <= value.get("lte", math.inf)
            return 1.0 if above and within else None
        raise Refusal(400, "parsing_exception", f"unknown query [{kind}]")

    def _bool(self, given: Json, document: Document, depth: int) -> float | None:
        _known(given, "must", "filter", "must_not", "should", "minimum_should_match")
        if depth > _DEEPEST:
            raise Refusal(400, "illegal_argument_exception", "nested too deep")
        # All parts are looked at, so that a wrong one is refused wherever it stands.
        scores = {
            name: [self._score(each, document, depth) for each in given.get(name, ())]
            for name in ("must", "filter", "must_not", "should")
        }
        should = [each for each in scores["should"] if each is not None]
        if (
            None in scores["must"]
            or None in scores["filter"]
            or any(each is not None for each in scores["must_not"])
            or len(should) < given.get("minimum_should_match", 0)
        ):
            return None
        return float(sum(each or 0 for each in (*scores["must"], *should)))

    def _phrase(self, document: Document, name: str, text: str) -> float | None:
        words, wanted = document.words[name], self.analyze(name, text)
        places = range(len(words) - len(wanted) + 1)
        times = sum(words[place : place + len(wanted)] == wanted for place in places)
        return round(times / (times + 1 + len(words) / 100), 6) if times and wanted else None


def _stemming(text: str) -> list[str]:
    return [_ENDING.sub("", word) if len(word) > 4 else word for word in text.split()]


def _by(order: Json, score: float, source: Json) -> float:
    [(name, direction)] = order.items()
    assert direction == "desc"
    found: float = score if name == "_score" else source[name]
    return found


@dataclass(frozen=True)
class Fault:
    """What the server does in place of an answer.

    Attributes:
        status, body: answered as they are.
        length: what it says the body's length is, where that is not true.
        delay: seconds before it answers.
    """

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    length: int | None = None
    delay: float = 0.0


class SearchServer:
    """Ends with its `with` block.

    Attributes:
        indexes, aliases: by name.
        asked: (method, path, body) of all requests.
        instead: what is answered next, once each, in place of the truth, to paths that hold the
            first; a body may also be made of the true one.
    """

    def __init__(self) -> None:
        self.indexes: dict[str, Index] = {}
        self.aliases: dict[str, str] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.instead: list[tuple[str, Fault | Callable[[Json], Json]]] = []
        self._lock = threading.RLock()
        self._http = _HTTPServer(("127.0.0.1", 0), _Handler)
        self._http.outer = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def clear(self) -> None:
        """Behave like a new server; for one that several tests use in turn."""
        for kept in (self.indexes, self.aliases, self.asked, self.instead):
            kept.clear()

    def held(self, name: str = "wagtail_mailarchive") -> dict[int, Json]:
        """What an index or alias holds, by key."""
        documents = self.indexes[self.aliases.get(name, name)].documents
        return {int(key): each.source for key, each in documents.items() if each.source is not None}

    def answer(self, method: str, address: str, body: str) -> tuple[int, Any]:
        """Return status and answer."""
        path = urlsplit(address).path.strip("/").split("/")
        with self._lock:
            match method, *path:
                case "HEAD", "_alias", name:
                    return (200 if name in self.aliases else 404), None
                case "GET", "_alias", name:
                    return 200, {self._concrete(name): {"aliases": {name: {}}}}
                case "HEAD", name:
                    return (200 if name in self.indexes or name in self.aliases else 404), None
                case "PUT", name if re.fullmatch("[a-z0-9][a-z0-9_]*", name):
                    self.indexes[name] = Index(json.loads(body))
                    return 200, {"acknowledged": True, "index": name}
                case "DELETE", name if name in self.indexes:
                    self._remove(name)
                    return 200, {"acknowledged": True}
                case "POST", "_aliases":
                    self._change_aliases(json.loads(body))
                    return 200, {"acknowledged": True}
                case "POST", name, "_refresh":
                    self._index(name)
                    return 200, {"_shards": {"failed": 0}}
                case "POST" | "PUT", "_bulk":
                    return 200, self._bulk(body)
                case "POST", name, "_search":
                    options = parse_qs(urlsplit(address).query)
                    _known(options, "allow_partial_search_results", "preference")
                    hits = self._index(name).search(json.loads(body))
                    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
                    return 200, {"timed_out": False, "_shards": shards, "hits": {"hits": hits}}
        raise Refusal(400, "illegal_argument_exception", f"no handler for {method} {address}")

    def _concrete(self, name: str) -> str:
        name = self.aliases.get(name, name)
        if name not in self.indexes:
            raise Refusal(404, "index_not_found_exception", name)
        return name

    def _index(self, name: str) -> Index:
        return self.indexes[self._concrete(name)]

    def _remove(self, name: str) -> None:
        del self.indexes[name]
        for alias in [alias for alias, target in self.aliases.items() if target == name]:
            del self.aliases[alias]

    def _change_aliases(self, body: Json) -> None:
        added: dict[str, str] = {}
        for action in body["actions"]:
            [(kind, given)] = action.items()
            if kind == "add":
                added[given["alias"]] = self._concrete(given["index"])
            elif kind == "remove_index":
                self._remove(given["index"])
            else:
                raise Refusal(400, "parsing_exception", kind)
        self.aliases |= added

    def _bulk(self, body: str) -> Json:
        items = []
        lines = iter(body.splitlines())
        for line in lines:
            [(kind, where)] = json.loads(line).items()
            _known(where, "_index", "_id", "version", "version_type")
            assert where["version_type"] == "external"
            source = json.loads(next(lines)) if kind == "index" else None
            result: Json = {"_id": where["_id"]}
            try:
                index = self._index(where["_index"])
                result["status"] = index.put(where["_id"], where["version"], source)
                if result["status"] == 409:
                    raise Refusal(409, "version_conflict_engine_exception")
            except Refusal as refusal:
                result |= {"status": refusal.status, "error": {"type": refusal.kind}}
            items.append({kind: result})
        return {"errors": any("error" in next(iter(i.values())) for i in items), "items": items}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def log_message(self, format: str, *args: object) -> None:
        """Tests read what the server keeps."""

    def _answer(self) -> None:
        outer = self.server.outer
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        outer.asked.append((self.command, self.path, body))
        fault = None
        if outer.instead and outer.instead[0][0] in self.path:
            fault = outer.instead.pop(0)[1]
        if isinstance(fault, Fault):
            time.sleep(fault.delay)
            self._send(fault.status, fault.body, fault.content_type, fault.length)
            return
        try:
            status, told = outer.answer(self.command, self.path, body)
        except Refusal as refusal:
            status, told = refusal.status, refusal.json()
        if fault is not None:
            told = fault(told)
        wanted = _MEDIA_TYPE.search(self.headers.get("Accept", ""))
        kind = wanted[0] if wanted else "application/json"
        self._send(status, b"" if told is None else json.dumps(told).encode(), kind)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 (their names)

    def _send(self, status: int, body: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None:
            self.close_connection = True


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    outer: SearchServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up in the middle of an answer is no mistake of this server."""
