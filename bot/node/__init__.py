"""The Lightning node. It alone knows gRPC."""
