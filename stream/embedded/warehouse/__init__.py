"""The real ClickHouse engine of one machine behind ClickHouse's HTTP interface.

A request's way: `server` reads it -> `protocol` says what it asks for (pure) -> `users` knows who asks -> `sql` finds
the parts of the statement (pure) -> `engine` runs it under that user's role -> `server` answers. `access` writes the
engine's own configuration: its users and roles are what keeps the BI user to its views.
"""
