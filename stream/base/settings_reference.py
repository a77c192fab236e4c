"""The settings as a list: what is in force and where it came from, and the reference that the documentation shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from stream.base.settings import PREFIX, Section, Settings

Source = Literal["default", "environment"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting."""

    variable: str
    section: str
    value: str
    """As a person reads it; of a secret only whether it is set."""
    default: str
    source: Source
    secret: bool
    allowed: str
    """Words or bounds, where it has any."""
    meaning: str


def entries(settings: Settings, environ: Mapping[str, str]) -> Iterator[Entry]:
    """Every setting there is, in the order of the settings' own file; `environ` is what `settings` was loaded from."""
    for section in Settings.model_fields:
        values: Section = getattr(settings, section)
        defaults = type(values)()
        for name, field in type(values).model_fields.items():
            variable = f"{PREFIX}{section}_{name}".upper()
            yield Entry(
                variable=variable,
                section=section,
                value=_shown(getattr(values, name)),
                default=_default(field, getattr(defaults, name)),
                source="environment" if variable in environ else "default",
                secret=isinstance(getattr(defaults, name), SecretStr),
                allowed=_allowed(field),
                meaning=field.description or "",
            )


def markdown() -> str:
    """The reference: a table for each section."""
    parts = ["# Settings\n\nAll of them are environment variables; `guidestream config` shows what is in force.\n"]
    found = list(entries(Settings(), {}))
    for section, field in Settings.model_fields.items():
        parts.append(
            f"\n## {section}\n\n{_about(field)}\n\n| variable | default | allowed | meaning |\n|---|---|---|---|\n"
        )
        parts += [
            f"| `{entry.variable}` | {_code(entry.default)} | {_cell(entry.allowed)} | {_cell(entry.meaning)} |\n"
            for entry in found
            if entry.section == section
        ]
    return "".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "(set, not shown)" if value.get_secret_value() else "(not set)"
    return "" if value is None else str(value)


def _default(field: FieldInfo, value: Any) -> str:
    if isinstance(value, SecretStr):
        return ""
    return str(field.examples[0]) if field.examples else _shown(value)


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(get_args(field.annotation))
    low = high = ""
    for bound in field.metadata:
        match bound:
            case Ge(ge=value):
                low = f">= {value:,}"
            case Gt(gt=value):
                low = f"> {value:,}"
            case Le(le=value):
                high = f"<= {value:,}"
            case Lt(lt=value):
                high = f"< {value:,}"
    return ", ".join(part for part in (low, high) if part)


def _about(field: FieldInfo) -> str:
    return (field.annotation.__doc__ or "").strip() if field.annotation else ""


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
