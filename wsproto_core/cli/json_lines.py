"""Rows as JSON, an object a line, for programs. Always ASCII."""

from __future__ import annotations

import json
from typing import Any

from ..codes import Opcode
from ..events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from ..exceptions import HandshakeError
from .rows import Finding, FrameHeader, Ignored, Incomplete, Note, Row, Violation

__all__ = ["format_row"]


def format_row(row: Row) -> str:
    """The row as one line of JSON; text as text, bytes in hex."""
    fields: dict[str, Any] = {
        "direction": f"{row.sender.value}-to-{row.sender.peer.value}",
        "start": row.start,
        "end": row.end,
        "event": type(row.event).__name__,
        **_fields(row.event),
    }
    if row.frame is not None:
        fields["frame"] = _frame(row.frame)
    return json.dumps(fields)


def _fields(event: Event | Finding) -> dict[str, Any]:
    match event:
        case TextMessage(data=text):
            return {"data": text, **_borders(event)}
        case BytesMessage(data=data):
            return {"data_hex": data.hex(), **_borders(event)}
        case Ping(payload=payload) | Pong(payload=payload):
            return {"payload_hex": payload.hex()}
        case CloseConnection(code=code, reason=reason):
            return {"code": code, "reason": reason}
        case Violation():
            return _violation(event)
        case Incomplete(what=message) | Ignored(why=message) | Note(text=message):
            return {"message": message}
        case _:
            return _opening(event)


def _borders(event: Message) -> dict[str, Any]:
    return {"frame_finished": event.frame_finished, "message_finished": event.message_finished}


def _opening(event: Event) -> dict[str, Any]:
    match event:
        case Request(target=target, headers=headers):
            return {"method": "GET", "target": target, "headers": list(headers)}
        case AcceptConnection(subprotocol=subprotocol, headers=headers):
            return {"status": 101, "subprotocol": subprotocol, "headers": list(headers)}
        case RejectConnection(status_code=status, headers=headers):
            return {"status": status, "headers": list(headers)}
        case _:
            assert isinstance(event, RejectData)
            return {"data_hex": event.data.hex(), "truncated": event.truncated}


def _violation(event: Violation) -> dict[str, Any]:
    error = event.error
    fields: dict[str, Any] = {
        "offset": event.offset,
        "error": type(error).__name__,
        "message": str(error),
        "section": error.section,
    }
    if isinstance(error, HandshakeError):
        fields["status"] = int(error.status)
    else:
        fields["close_code"] = int(error.close_code)
    return fields


def _frame(frame: FrameHeader) -> dict[str, Any]:
    fields = frame._asdict()
    known = frame.opcode in list(Opcode)
    fields["opcode"] = Opcode(frame.opcode).name if known else frame.opcode
    return fields
