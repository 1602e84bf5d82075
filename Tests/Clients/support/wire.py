"""Requests as bytes: what the SDK would not send, and answers as they came."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

# Longer than the gateway's own deadline, within which it promises an answer.
TIMEOUT_SECONDS = 40

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    status: int
    # Names in lower case.
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object of an answer that must be one, with the headers that errors have."""
        assert self.status >= 400, f"{self.status}, not an error: {self.body[:400]!r}"
        assert self.headers["content-type"].startswith("application/json")
        assert set(self.json) == {"error"}
        error = self.json["error"]
        kinds = {"api_error", "card_error", "idempotency_error", "invalid_request_error"}
        assert error["type"] in kinds
        assert error["message"]
        return error


def encode(parameters: Mapping[str, Any] | bytes | str | None) -> bytes | None:
    """Parameters as a form; bytes and text go as they are."""
    if parameters is None or isinstance(parameters, bytes):
        return parameters
    if isinstance(parameters, str):
        return parameters.encode()
    return urlencode(parameters).encode()


def send(
    base: str,
    method: str,
    target: str,
    parameters: Mapping[str, Any] | bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Answer:
    """One request over a connection of its own. Raises `OSError` or `http.client.HTTPException`
    when there is no answer."""
    body = encode(parameters)
    sent = dict(headers or {})
    if body is not None and not any(name.lower() == "content-type" for name in sent):
        sent["Content-Type"] = FORM
    address = urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()
