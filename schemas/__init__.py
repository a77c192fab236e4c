"""The contracts: topics, event types and their codecs, the click token, registry records, SQL.

Pure: nothing here does I/O, reads a clock or logs. Every stage may import from here; nothing here imports a stage.
"""
