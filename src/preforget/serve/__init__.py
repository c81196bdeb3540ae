"""A service that answers over HTTP and forgets; needs the extra `serve`, and importing this package doesn't load it."""
