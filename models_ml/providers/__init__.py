"""What writes: a local model or a server, behind one protocol. torch is imported only for a local one."""
