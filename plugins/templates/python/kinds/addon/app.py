"""{{name}}: puts a ConfigMap into the cluster."""

import json

from componentize_py_types import Err
from wit_world.exports import Metadata as MetadataWorld
from wit_world.exports import Addon as AddonWorld
from wit_world.exports.metadata import Description, Want
from wit_world.imports import settings
from wit_world.imports.types import Failure, Object, Proposal

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
            about="Puts a ConfigMap into the cluster",
            settings_schema=json.dumps(SCHEMA),
            wants=[Want("objects", ["v1/ConfigMap/kube-system/{{name}}"], "put the text there")],
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


class Addon(AddonWorld):
    def render(self) -> Proposal:
        return told(render)

    def images(self) -> list[str]:
        return []

    def uninstall(self) -> Proposal:
        return propose()


def render() -> Proposal:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "{{name}}", "namespace": "kube-system"},
        "data": {"text": text_setting()},
    }
    return propose(objects=[Object(json.dumps(config_map), [])])
