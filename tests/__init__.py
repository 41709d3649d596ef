"""Tests, storm and benchmarks."""

import os

# Before gRPC is loaded: at a fork it would write into the standard error of the child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
