"""The version of this library: the one place that says it."""

__version__ = "0.1.0"

USER_AGENT = f"wsproto_core/{__version__}"
"""The User-Agent header field of requests, where the caller gives no other."""
