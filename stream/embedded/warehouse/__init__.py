"""The real ClickHouse engine of one machine behind ClickHouse's HTTP interface.

The way of a request, a module per step::

    listener    a connection, within bounds
    server      reads the request, answers it; an engine thread runs what lies between
    protocol    what its URL and headers ask for        (pure)
    users       who asks, under which role
    body        what it brings, decoded by codec        (codec: pure)
    statement   verb, format, where the data begin      (pure, on lexer's tokens)
    guard       what may not be said over HTTP          (pure)
    lease       its connection: its own, or its session's
    execution   runs the statement; formats makes one document of the pieces of a stream

`engine` and `connection` are the only home of chDB. `access` writes the engine's own users and roles: those, not this
code, keep the BI user to its views. `run` is the process.
"""
