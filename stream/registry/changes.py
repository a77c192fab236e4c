"""What people do to the registry, as pure functions of its state: the plans of the writer are made of these."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

from schemas.registry import MAX_NUMBER, UTM_NAMES, Campaign, Guide, Link, Numbers, Owner, Store, Thing, encode_record
from stream.base.errors import ConflictError, InputError, NotFoundError
from stream.registry.codes import new_code
from stream.registry.fields import Patch
from stream.registry.snapshot import Snapshot
from stream.registry.validate import check
from stream.registry.writer import Encoded

Kind = Literal["store", "guide", "campaign", "link"]
Fate = Literal["created", "updated", "unchanged"]
BLANK: Final[dict[str, Thing]] = {
    "store": Store("", "", ""),
    "guide": Guide("", "", ""),
    "campaign": Campaign("", ""),
    "link": Link("", 0, "web", ""),
}


def find(state: Snapshot, kind: str, id_: str) -> Thing | None:
    """The thing of this kind and id (a link's is its code)."""
    match kind:
        case "store":
            return state.store(id_)
        case "guide":
            return state.guide(id_)
        case "campaign":
            return state.campaign(id_)
        case _:
            return state.resolve(id_)


def patched(thing: Thing, patch: Patch, now_ms: int) -> Thing:
    """The thing with these fields; it is not checked."""
    if isinstance(thing, Link):
        return _patched_link(thing, patch, now_ms)
    return replace(thing, **patch)


def transferred(link: Link, guide_id: str, from_ms: int, now_ms: int) -> Link:
    """The link with a new owner from a time on; who owned it before stays known.

    Raises:
        InputError: the time is past. Recorded clicks keep the owner they had, so the past cannot be changed here.
    """
    if from_ms < now_ms:
        raise InputError("lies in the past; clicks already recorded keep their owner, give now or later", field="from")
    before = tuple(owner for owner in link.owners if owner.from_ms < from_ms)
    if (before[-1].guide_id if before else "") == guide_id:
        return replace(link, owners=before)
    return replace(link, owners=(*before, Owner(guide_id, from_ms)))


class Changes:
    """Collects what one change writes. Codes and numbers that it gives out are free in `state` and given out once."""

    def __init__(self, state: Snapshot, now_ms: int, make_code: Callable[[], str] = new_code) -> None:
        self.state = state
        self.now_ms = now_ms
        self._make_code = make_code
        self._highest = state.highest_number
        self._records: dict[bytes, bytes | None] = {}
        self._contents: set[int] | None = None

    def records(self) -> Encoded:
        """What to write: the highest number first, if it rose, then the things."""
        records = list(self._records.items())
        if self._highest > self.state.highest_number and records:
            records.insert(0, encode_record(Numbers(self._highest)))
        return records

    def add(self, kind: Kind, patch: Patch) -> Thing:
        """A new thing of these fields.

        Raises:
            ConflictError: there is one of that id already.
            InputError: a field is wrong.
        """
        key = "code" if kind == "link" else "id"
        id_ = patch.get(key, "")
        if id_ and find(self.state, kind, id_) is not None:
            raise ConflictError(f"there is a {kind} {id_} already; use guidestream {kind} update", field=key)
        return self._keep(None, patched(BLANK[kind], patch, self.now_ms))[0]

    def update(self, kind: Kind, id_: str, patch: Patch) -> tuple[Thing, Fate]:
        """Change fields of a thing.

        Raises:
            NotFoundError: there is none of that id.
            InputError: a field is wrong.
        """
        current = self.get(kind, id_)
        return self._keep(current, patched(current, patch, self.now_ms))

    def transfer(self, code: str, guide_id: str, from_ms: int) -> tuple[Thing, Fate]:
        """Give a link to another guide from a time on, or to nobody (empty).

        Raises:
            NotFoundError: there is no such link.
            InputError: there is no such guide, or the time is past.
        """
        current = self.get("link", code)
        assert isinstance(current, Link)
        return self._keep(current, transferred(current, guide_id, from_ms, self.now_ms))

    def get(self, kind: Kind, id_: str) -> Thing:
        """The thing of this kind and id; NotFoundError when there is none."""
        thing = find(self.state, kind, id_)
        if thing is None:
            raise NotFoundError(f"there is no {kind} {id_!r}; see guidestream {kind} list", field="id")
        return thing

    def put(
        self, current: Thing | None, thing: Thing, *, unless_equal: bool = False
    ) -> tuple[Thing, Fate, list[InputError]]:
        """Take in a thing in place of `current`, unless something is wrong with it, or nothing is new.

        A new link gets its number, and a code if it has none; with `unless_equal` it is not made when there is one
        that differs from it in nothing else.
        """
        if isinstance(thing, Link) and current is None:
            thing = self._numbered(thing)
        thing, problems = check(thing, self.state)
        problems += self._owner_problems(current, thing)
        if problems or thing == current or (unless_equal and isinstance(thing, Link) and self._is_there(thing)):
            return thing, "unchanged", problems
        if isinstance(thing, Link):
            self._highest = max(self._highest, thing.number)
        key, value = encode_record(thing)
        self._records[key] = value
        return thing, "updated" if current else "created", []

    def _keep(self, current: Thing | None, thing: Thing) -> tuple[Thing, Fate]:
        thing, fate, problems = self.put(current, thing)
        if len(problems) > 1:
            raise InputError("; ".join(map(str, problems)))
        if problems:
            raise problems[0]
        return thing, fate

    def _numbered(self, link: Link) -> Link:
        if self._highest >= MAX_NUMBER:
            raise InputError("all 2**32 link numbers are given out; no link can be added", field="number")
        code = link.code or self._make_code()
        while not link.code and (self.state.encoded_link(code) or f"link:{code}".encode() in self._records):
            code = self._make_code()
        return replace(link, code=code, number=self._highest + 1)

    def _is_there(self, link: Link) -> bool:
        """Whether a link was there, or came before in this change, that equals it but for code, number and history."""
        if self._contents is None:
            self._contents = {_content(other, self.now_ms) for other in self.state.all_links()}
        content = _content(link, self.now_ms)
        there = content in self._contents
        self._contents.add(content)
        return there

    def _owner_problems(self, current: Thing | None, thing: Thing) -> list[InputError]:
        """A guide who left gets no new links; those they have may still be changed."""
        if not isinstance(thing, Link) or not thing.owners:
            return []
        if isinstance(current, Link) and current.owners[-1:] == thing.owners[-1:]:
            return []
        guide = self.state.guide(thing.owners[-1].guide_id)
        if guide is None or not guide.disabled:
            return []
        return [InputError(f"guide {guide.id} is disabled; choose another, or enable them first", field="guide_id")]


def _content(link: Link, now_ms: int) -> int:
    # 64 bits of a keyed hash: among a million links, two that differ fall together with a chance of 3e-8.
    return hash(replace(link, code="", number=0, owners=(Owner(link.owner_at(now_ms), 0),)))


def _patched_link(link: Link, patch: Patch, now_ms: int) -> Link:
    fields = {name: value for name, value in patch.items() if name not in UTM_NAMES}
    utm = dict(link.utm) | {name: patch[name] for name in UTM_NAMES if name in patch}
    fields["utm"] = tuple((name, utm[name]) for name in UTM_NAMES if utm.get(name))
    for name in ("valid_from", "valid_until"):
        if name in fields:
            fields[f"{name}_ms"] = fields.pop(name)
    guide_id = fields.pop("guide_id", None)
    if guide_id is not None and guide_id != link.owner_at(now_ms):
        if link.number:
            link = transferred(link, guide_id, now_ms, now_ms)
        else:
            # Its first owner has it since ever: an edge whose clock is behind must not find it without one.
            link = replace(link, owners=(Owner(guide_id, 0),))
    return replace(link, **fields)
