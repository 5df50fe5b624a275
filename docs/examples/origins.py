"""Origins: a server that lets in the pages of one site only.

    python origins.py

Both sides run in memory here: the bytes of one are handed to the other.
"""

from wsproto_core import ClientConnection, RejectConnection, Request, ServerConnection

ORIGINS = ["https://example.com", "https://*.example.com"]


def ask(origin: str | None) -> int:
    """The HTTP status that a client gets when it comes from `origin`."""
    client = ClientConnection("wss://api.example.com/live", origin=origin)
    server = ServerConnection(origins=ORIGINS)
    for event in server.receive_data(client.data_to_send()):
        if isinstance(event, Request):
            server.accept()
    for event in client.receive_data(server.data_to_send()):
        if isinstance(event, RejectConnection):
            return event.status_code
    return 101


def main() -> None:
    for origin in (
        "https://example.com",
        "https://example.com:443",
        "https://www.example.com",
        "http://example.com",
        "https://example.com:8443",
        "https://example.org",
        "null",
        None,
    ):
        print(ask(origin), origin)


if __name__ == "__main__":
    main()
