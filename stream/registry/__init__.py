"""Guides, links, campaigns and stores: written through one transactional writer, read as immutable snapshots."""
