"""{{name}}: annotates the API server's pod."""

import json

from componentize_py_types import Err
from wit_world.exports import Metadata as MetadataWorld
from wit_world.exports import Mutator as MutatorWorld
from wit_world.exports.metadata import Description, Want
from wit_world.imports import settings
from wit_world.imports.types import Failure, Patch, Proposal

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
            about="Annotates the API server's pod",
            settings_schema=json.dumps(SCHEMA),
            wants=[Want("patches", ["kube-apiserver"], "annotate its pod")],
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


def propose(findings=(), patches=(), objects=(), files=(), images=(), waits=()) -> Proposal:
    """A proposal of nothing but what is given."""
    return Proposal(list(findings), list(patches), list(objects), list(files), list(images), list(waits), [])


def text_setting() -> str:
    return json.loads(settings.get()).get("text", "hello")


class Mutator(MutatorWorld):
    def mutate(self, target: str, document: str) -> Proposal:
        return told(mutate, target)


def mutate(target: str) -> Proposal:
    if target != "kube-apiserver":
        return propose()
    body = {"metadata": {"annotations": {"example.org/{{name}}": text_setting()}}}
    return propose(patches=[Patch(target, "merge", json.dumps(body), "say hi", [])])
