// {{name}}: writes a file, before the control plane is made.

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
      about: "Writes a file",
      settingsSchema: JSON.stringify(schema),
      wants: [{ capability: "writes", scopes: ["/etc/{{name}}"], reason: "put the text there" }],
      before: ["control-plane"],
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

/** A text as UTF-8: there is no TextEncoder in here. */
const utf8 = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (it) => it.charCodeAt(0));

/** Calls it. kubephase's failures come as the payload of an error. What is thrown beside failures would be a trap. */
function told(call) {
  try {
    return call();
  } catch (error) {
    const failure = error?.payload ?? error;
    throw typeof failure?.code === "string" ? failure : { code: "other", message: String(error), attributes: [] };
  }
}

export const phase = {
  run() {
    return told(run);
  },
};

function run() {
  const { text = "hello" } = JSON.parse(get());
  const contents = utf8(`${text}\n`);
  const file = { path: "/etc/{{name}}", mode: 0o644, contents, fill: [], secret: false, attributes: [] };
  return propose({ files: [file] });
}
