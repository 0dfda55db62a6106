// {{name}}: checks that there are enough processors.

import { cpu } from "kubephase:plugin/facts@0.1.0";
import { get } from "kubephase:plugin/settings@0.1.0";

const schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    minimum: { type: "integer", minimum: 1, default: 2, description: "How many processors there must be." },
  },
};

export const metadata = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      about: "Checks that there are enough processors",
      settingsSchema: JSON.stringify(schema),
      wants: [{ capability: "facts", scopes: ["cpu"], reason: "count the processors" }],
      before: [],
      after: [],
      attributes: [],
    };
  },
};

/** Calls it. kubephase's failures come as the payload of an error. What is thrown beside failures would be a trap. */
function told(call) {
  try {
    return call();
  } catch (error) {
    const failure = error?.payload ?? error;
    throw typeof failure?.code === "string" ? failure : { code: "other", message: String(error), attributes: [] };
  }
}

export const preflight = {
  check() {
    return told(look);
  },
};

function look() {
  const { minimum = 2 } = JSON.parse(get());
  const { count } = cpu();
  if (count >= minimum) {
    return [];
  }
  return [
    {
      id: "TooFewProcessors",
      severity: "error",
      message: `this machine has ${count} of the processors that are asked for`,
      expected: `at least ${minimum}`,
      remedy: "use a larger machine",
      attributes: [],
    },
  ];
}
