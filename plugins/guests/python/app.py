"""free-memory in Python: looks whether enough memory is available, before anything is changed."""

import json

from componentize_py_types import Err
from wit_world.exports import Metadata as MetadataWorld
from wit_world.exports import Preflight as PreflightWorld
from wit_world.exports.metadata import Description, Want
from wit_world.imports import facts, settings
from wit_world.imports.types import Failure, Finding, Severity

MIB = 1024 * 1024

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "minimumMiB": {
            "type": "integer",
            "minimum": 1,
            "default": 1024,
            "description": "How much memory must be available.",
        }
    },
}


class Metadata(MetadataWorld):
    def describe(self) -> Description:
        return Description(
            name="free-memory-python",
            version="0.1.0",
            about="Checks that enough memory is available",
            settings_schema=json.dumps(SCHEMA),
            wants=[Want("facts", ["memory"], "read how much memory is available")],
            before=[],
            after=[],
            attributes=[],
        )


class Preflight(PreflightWorld):
    def check(self) -> list[Finding]:
        try:
            return look()
        except Err:
            raise
        except Exception as error:  # Anything else would be a trap without a word.
            raise Err(Failure("other", f"{type(error).__name__}: {error}", None, []))


def look() -> list[Finding]:
    minimum = json.loads(settings.get()).get("minimumMiB", 1024)
    available = facts.memory().available // MIB
    if available >= minimum:
        return []
    return [
        Finding(
            id="FreeMemory",
            severity=Severity.ERROR,
            message=f"{available} MiB of memory are available",
            expected=f"at least {minimum} MiB",
            remedy="add memory, or stop what uses it",
            link=None,
            attributes=[],
        )
    ]
