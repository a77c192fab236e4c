"""Conversion events from other people's payloads and tables, by a mapping that is written and not programmed. Pure.

A mapping is a list of rules. Each rule that applies to a payload makes an event of it; one payload may make several.
Mappings are TOML: in the operator's file for webhooks, in a file of their own for imports; `stream/imports/kinds` has
those of the tables that an import knows by itself, which are good examples. ::

    timezone = "Asia/Shanghai"              # of times that do not say; the brand's own when left out
    unpack = "msg"                          # the text at this path is JSON, perhaps percent-encoded: look into it
    names.paid = ["paid_at", "付款时间"]    # wherever a path may stand, `paid` stands for the first of these

    [[events]]
    when = { type = "trade_TradePaid" }     # all must hold, see below; a rule without it always applies
    type = "order_paid"                     # one of the types of conversions, or a value that gives one
    event_id = "order_paid:{order_id}"      # a template, see below
    occurred_at = "msg.order.pay_time"      # this and all that follows are values
    order_id = ["msg.order.tid", "id"]
    amount = { from = "msg.order.payment", unit = "fen" }
    properties.channel = { value = "shop" }

**Value**: a path, a list of paths of which the first that leads to something counts, or a table of

============ ==========================================================================================================
``from``     path or list of paths
``value``    a constant instead of a path
``default``  a constant for when no path leads to anything
``as``       ``text``, ``money``, ``time``, ``day`` (YYYY-MM-DD), ``number``, ``flag`` (yes/no, true/false, 1/0, 是/否)
             or ``plain`` (text, number or flag as it came). When left out: amounts are money, ``occurred_at`` is a
             time, properties are plain, and all else is text
``unit``     of money: ``yuan`` (the currency's main unit, the default) or ``fen`` (a hundredth of it)
``absolute`` of money: ``true`` drops a minus sign, as refunds have it in some exports
``format``   of a time, or a list to be tried in turn: ``auto`` (the default), ``iso``, ``epoch_s``, ``epoch_ms``,
             ``excel`` (days since 1899-12-30) or a pattern such as ``%Y-%m-%d %H:%M:%S``
``map``      table of words: what comes -> what it means; words are compared as names of columns are, see below
``unknown``  a word that ``map`` does not have: ``reject`` (the default), ``skip`` the event, or ``keep`` the word
``where``    conditions on the items of a path with ``[]``
============ ==========================================================================================================

**Path**: names separated by dots (``order.payments.0.id``). ``[]`` after a name goes through a list
(``transactions[].amount``, with ``where = { kind = "refund" }``): money is added up, of anything else the first counts.
In a table a path is the name of a column, as it stands in the head line; case, width and outer spaces do not matter.
Nothing, ``null`` and empty text are the same: the path leads to nothing.

**Condition** (``when``, ``where``): path = word, or list of words of which one must be there; ``true``: leads to
something; ``false``: to nothing; ``{ not = [...] }``: to none of these words; ``{ zero = false }``: to an amount that
is not zero. Case, width and outer spaces of words do not matter.

**Each**: ``each = "refunds"`` applies the rule to every item of a list, ``each = { from = "tags", split = ",;" }`` to
every part of a text; paths that begin with ``item`` look into the item (``item.id``) or are it (``item``).

**Template** (``event_id``): text with ``{names}`` of fields of the event, of ``properties.NAME``, or of ``vars``, a
table of values that are for templates alone. A list of templates: the first whose names all lead to something. Instead
of a template ``{ prefix = "cost", hash = ["occurred_at", "amount"] }`` makes an id of those fields where the source has
none; name no personal data there, because a short secret can be guessed from its hash. With ``numbered = true`` rows of
one file that have such an id in common, but differ in a column that is not read, are numbered: they are things of their
own. The id is the idempotency key: it must be the same when the same thing comes again, by whatever way.

Money is exact (never a binary fraction) and is refused rather than rounded. Numbers that a spreadsheet has shortened
(`1.23457E+18`) are refused as ids.
"""

from stream.mapping.apply import Event, Mapper, Result, SharedId, Skipped, compile_mapping
from stream.mapping.read import KEYS, Problems, read_mapping
from stream.mapping.shapes import Nested, Table
from stream.mapping.spec import Mapping
from stream.mapping.unpack import MAX_DEPTH, depth_exceeds

__all__ = [
    "KEYS",
    "MAX_DEPTH",
    "Event",
    "Mapper",
    "Mapping",
    "Nested",
    "Problems",
    "Result",
    "SharedId",
    "Skipped",
    "Table",
    "compile_mapping",
    "depth_exceeds",
    "read_mapping",
]
