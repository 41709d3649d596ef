"""The demo: a stage for the real bot. Knows both simulators, which do not know each other."""
