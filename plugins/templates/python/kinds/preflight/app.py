"""{{name}}: checks that there are enough processors."""

import json

from componentize_py_types import Err
from wit_world.exports import Metadata as MetadataWorld
from wit_world.exports import Preflight as PreflightWorld
from wit_world.exports.metadata import Description, Want
from wit_world.imports import facts, settings
from wit_world.imports.types import Failure, Finding, Severity

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "minimum": {
            "type": "integer",
            "minimum": 1,
            "default": 2,
            "description": "How many processors there must be.",
        }
    },
}


class Metadata(MetadataWorld):
    def describe(self) -> Description:
        return Description(
            name="{{name}}",
            version="0.1.0",
            about="Checks that there are enough processors",
            settings_schema=json.dumps(SCHEMA),
            wants=[Want("facts", ["cpu"], "count the processors")],
            before=[],
            after=[],
            attributes=[],
        )


def told(function, *arguments):
    """Calls it. What it raises beside failures would be a trap without a word."""
    try:
        return function(*arguments)
    except Err:
        raise
    except Exception as error:
        raise Err(Failure("other", f"{type(error).__name__}: {error}", None, []))


class Preflight(PreflightWorld):
    def check(self) -> list[Finding]:
        return told(look)


def look() -> list[Finding]:
    minimum = json.loads(settings.get()).get("minimum", 2)
    count = facts.cpu().count
    if count >= minimum:
        return []
    return [
        Finding(
            id="TooFewProcessors",
            severity=Severity.ERROR,
            message=f"this machine has {count} of the processors that are asked for",
            expected=f"at least {minimum}",
            remedy="use a larger machine",
            link=None,
            attributes=[],
        )
    ]
