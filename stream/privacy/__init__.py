"""Erasing a person, and what is left as a certificate. In the order in which it is done::

    spools     what this machine has taken in is in Kafka                     (stream.privacy.spools)
    lanes      the worker has read it                                         (stream.privacy.lanes)
    people     all ids of the person, and the clicks that are theirs          (stream.sink.people)
    events     an event of type `erased` in every partition, read by lanes    (schemas.erasure, stream.worker.erased)
    rows       raw rows, customers, aliases, dead letters, duplicates         (stream.sink.erasing, erasing_letters)
    spools     what was shipped and is still on disk
    erasures   the certificate                                                (stream.sink.erasures)

The topic `registry` is compacted and holds nobody: guides are employees, salts are random, and what a link or a
campaign is called is the brand's own word. tests/unit/privacy holds the list of its records.
"""
