"""What every package may use: settings, the clock, the error tree, the metric catalogue, logging."""
