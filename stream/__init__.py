"""guidestream: from a tap on a guide's link to a number that adds up.

The path, in the order an event takes it; each stage is a package of this name::

    edge       GET /{code} -> decide -> spool -> 302         (stream.edge, stream.spool)
      | Kafka `clicks`
    decode     bytes -> event, or a reject with its reason   (schemas)
    validate   versions, sizes, types, ranges, clocks        (schemas)
    enrich     device, platform, bots, country, referrer     (stream.enrich)
    attribute  who gets the credit for a conversion          (stream.attribute)
    aggregate  one-minute windows per guide and link         (stream.aggregate)
    sink       raw rows, window rows, dead letters           (stream.sink)

`stream.worker` strings the stages together and is the only home of Faust. Stages never import each other: what they
share stands in `schemas` (contracts) and `stream.base` (settings, clock, errors, metrics, log).
"""
