"""What a row means and what comes next. Pure: no I/O, no chance, no clock; only our errors."""
