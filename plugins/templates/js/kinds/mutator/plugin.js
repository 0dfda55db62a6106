// {{name}}: annotates the API server's pod.

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
      about: "Annotates the API server's pod",
      settingsSchema: JSON.stringify(schema),
      wants: [{ capability: "patches", scopes: ["kube-apiserver"], reason: "annotate its pod" }],
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

export const mutator = {
  mutate(target, document) {
    return told(() => mutate(target));
  },
};

function mutate(target) {
  if (target !== "kube-apiserver") {
    return propose({});
  }
  const { text = "hello" } = JSON.parse(get());
  const body = { metadata: { annotations: { "example.org/{{name}}": text } } };
  const patch = { target, language: "merge", body: JSON.stringify(body), reason: "say hi", attributes: [] };
  return propose({ patches: [patch] });
}
