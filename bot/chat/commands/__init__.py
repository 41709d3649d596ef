"""Commands by family: each file registers its own."""
