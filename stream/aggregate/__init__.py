"""One-minute windows per guide, link and variant: pure, absolute rows, exact through any order and any crash."""
