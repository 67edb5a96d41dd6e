"""HTTP and the command line: the only door to Litestar, and where everything is wired together."""
