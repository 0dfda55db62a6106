// {{name}}: puts a ConfigMap into the cluster.

import { get } from "kubephase:plugin/settings@0.1.0";

const schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    text: { type: "string", pattern: "^[a-z0-9-]+$", default: "hello", description: "What is said." },
  },
};

export const metadata = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      about: "Puts a ConfigMap into the cluster",
      settingsSchema: JSON.stringify(schema),
      wants: [{ capability: "objects", scopes: ["v1/ConfigMap/kube-system/{{name}}"], reason: "put the text there" }],
      before: [],
      after: [],
      attributes: [],
    };
  },
};

/** A proposal of nothing but what is given. */
const propose = (some) => ({
  findings: [],
  patches: [],
  objects: [],
  files: [],
  images: [],
  waits: [],
  attributes: [],
  ...some,
});

/** Calls it. kubephase's failures come as the payload of an error. What is thrown beside failures would be a trap. */
function told(call) {
  try {
    return call();
  } catch (error) {
    const failure = error?.payload ?? error;
    throw typeof failure?.code === "string" ? failure : { code: "other", message: String(error), attributes: [] };
  }
}

export const addon = {
  render() {
    return told(render);
  },
  images() {
    return [];
  },
  uninstall() {
    return propose({});
  },
};

function render() {
  const { text = "hello" } = JSON.parse(get());
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "{{name}}", namespace: "kube-system" },
    data: { text },
  };
  return propose({ objects: [{ manifest: JSON.stringify(object), attributes: [] }] });
}
