"""How fast the bot is beside a plain script, on the simulators: `python -m tests.bench`."""
