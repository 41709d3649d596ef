"""A storm: the bot as a process between two simulators, with kills, outages and busy people."""
