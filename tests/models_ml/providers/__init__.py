"""Providers: the protocol, a server that misbehaves on purpose, and a real one."""
