"""{{name}}: writes a file, before the control plane is made."""

import json

from componentize_py_types import Err
from wit_world.exports import Metadata as MetadataWorld
from wit_world.exports import Phase as PhaseWorld
from wit_world.exports.metadata import Description, Want
from wit_world.imports import settings
from wit_world.imports.types import Failure, File, Proposal

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "text": {
            "type": "string",
            "pattern": "^[a-z0-9-]+$",
            "default": "hello",
            "description": "What is said.",
        }
    },
}


class Metadata(MetadataWorld):
    def describe(self) -> Description:
        return Description(
            name="{{name}}",
            version="0.1.0",
            about="Writes a file",
            settings_schema=json.dumps(SCHEMA),
            wants=[Want("writes", ["/etc/{{name}}"], "put the text there")],
            before=["control-plane"],
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


def propose(findings=(), patches=(), objects=(), files=(), images=(), waits=()) -> Proposal:
    """A proposal of nothing but what is given."""
    return Proposal(list(findings), list(patches), list(objects), list(files), list(images), list(waits), [])


def text_setting() -> str:
    return json.loads(settings.get()).get("text", "hello")


class Phase(PhaseWorld):
    def run(self) -> Proposal:
        return told(run)


def run() -> Proposal:
    contents = f"{text_setting()}\n".encode()
    return propose(files=[File("/etc/{{name}}", 0o644, contents, [], False, [])])
