"""FHIR resources of a file: NDJSON line by line, or one JSON document; and careful hands for their parts.

Numbers are taken as the text that stands in the file, so that an amount never passes through a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from episodes.claims.layouts.text_files import open_bytes
from episodes.errors import LayoutError

Resource = dict[str, Any]

HEAD_BYTES = 1024 * 1024
"""How much of a file is looked at to see what is in it."""

_RESOURCE_TYPE = re.compile(rb'"resourceType"\s*:\s*"([\w-]+)"')


def resource_types_at_head(path: Path) -> set[str]:
    """The resource types named in the first megabyte of a file, contained resources among them.

    Raises:
        LayoutError: the file is truncated or damaged.
    """
    with open_bytes(path) as stream:
        head = stream.read(HEAD_BYTES)
    return {found.decode() for found in _RESOURCE_TYPE.findall(head)}


def resources_in(path: Path) -> Iterator[Resource | None]:
    """The resources of a file, in order; Bundles are unfolded. None: a line that is not JSON.

    Of NDJSON one line at a time is held; one JSON document (a Bundle, a list, a single resource) is held whole.

    Raises:
        LayoutError: the file is truncated or damaged, or its one document is not JSON.
    """
    if _is_one_document(path):
        with open_bytes(path) as stream:
            document = _parsed(stream.read())
        if document is _NOT_JSON:
            raise LayoutError(
                f"{path.name}: neither one JSON document nor one JSON resource a line. Usual causes: a download or "
                "copy that was cut short, or NDJSON whose first line is broken. Copy it again; name NDJSON .ndjson."
            )
        yield from _unfolded(document)
        return
    with open_bytes(path) as stream:
        for line in stream:
            if line.strip():
                value = _parsed(line)
                if value is _NOT_JSON:
                    yield None
                else:
                    yield from _unfolded(value)


_NOT_JSON = object()


def _is_one_document(path: Path) -> bool:
    """Whether a file is one document over several lines: its first line is then no whole JSON value."""
    with open_bytes(path) as stream:
        lines = (line.strip().removeprefix(b"\xef\xbb\xbf") for line in stream)
        first = next((line for line in lines if line), b"")
        second = next((line for line in lines if line), None)
    if second is None or first.endswith((b"}", b"]")):
        return False
    # The first line of NDJSON may be broken; the next then begins a resource, in a file named for it.
    broken_line = second.startswith(b"{") and first not in {b"{", b"["} and ".ndjson" in path.name.lower()
    return not broken_line


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _unfolded(value: Any) -> Iterator[Resource]:
    """The resources in a value; what is no resource comes as an empty one, so that it is counted."""
    if isinstance(value, list):
        for one in value:
            yield from _unfolded(one)
    elif not isinstance(value, dict):
        yield {}
    elif value.get("resourceType") == "Bundle":
        for entry in listed(value.get("entry")):
            if "resource" in entry:
                yield from _unfolded(entry["resource"])
    else:
        yield value


def listed(value: Any) -> list[Resource]:
    """The objects of a list; one object alone is a list of one, anything else none.

    >>> listed([{"code": "1"}, None]), listed({"code": "1"}), listed("1")
    ([{'code': '1'}], [{'code': '1'}], [])
    """
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict)]
    return [value] if isinstance(value, dict) else []


def part(value: Any, *names: str) -> Any:
    """What stands under names inside each other; None where there is nothing.

    >>> part({"payment": {"amount": {"value": "12.50"}}}, "payment", "amount", "value")
    '12.50'
    """
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def word(value: Any) -> str | None:
    """Text without outer blanks; None where blank or no text."""
    return (value.strip() or None) if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def variable_name(url: str) -> str:
    """The last part of a URL as a name, whatever server wrote it.

    >>> variable_name("https://bluebutton.cms.gov/resources/variables/clm_drg_cd")
    'clm_drg_cd'
    >>> variable_name("https://bluebutton.cms.gov/fhir/CodeSystem/CLM-TYPE-CD")
    'clm_type_cd'
    """
    return url.rstrip("/").rpartition("/")[2].replace("-", "_").lower()


def codings(concept: Any) -> list[tuple[str, str]]:
    """(name of the system, code) of the codings of a CodeableConcept that have a code.

    >>> codings({"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M17.11"}, {"display": "x"}]})
    [('icd_10_cm', 'M17.11')]
    """
    given = concept.get("coding") if isinstance(concept, dict) else None
    found = []
    for coding in given if isinstance(given, list) else ():
        code = word(coding.get("code")) if isinstance(coding, dict) else None
        if code is not None:
            system = coding.get("system")
            found.append((variable_name(system) if isinstance(system, str) else "", code))
    return found


def first_code(concept: Any) -> str | None:
    """The first code of a CodeableConcept."""
    return next((code for _, code in codings(concept)), None)


def in_order(elements: Any) -> list[Resource]:
    """The objects of a list in the order of their sequence numbers; as they stand where one has none."""
    found = listed(elements)
    if all((word(one.get("sequence")) or "").isdigit() for one in found):
        return sorted(found, key=lambda one: int(one["sequence"]))
    return found
