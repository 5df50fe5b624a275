"""The extension interface, and the extension that everybody speaks."""
