// free-memory in JavaScript: looks whether enough memory is available, before anything is changed.

import { memory } from "kubephase:plugin/facts@0.1.0";
import { get } from "kubephase:plugin/settings@0.1.0";

const MIB = 1024 * 1024;

const schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    minimumMiB: { type: "integer", minimum: 1, default: 1024, description: "How much memory must be available." },
  },
};

export const metadata = {
  describe() {
    return {
      name: "free-memory-js",
      version: "0.1.0",
      about: "Checks that enough memory is available",
      settingsSchema: JSON.stringify(schema),
      wants: [{ capability: "facts", scopes: ["memory"], reason: "read how much memory is available" }],
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
  const { minimumMiB = 1024 } = JSON.parse(get());
  // 64-bit numbers are numbers where they fit, otherwise BigInt.
  const available = Math.floor(Number(memory().available) / MIB);
  if (available >= minimumMiB) {
    return [];
  }
  return [
    {
      id: "FreeMemory",
      severity: "error",
      message: `${available} MiB of memory are available`,
      expected: `at least ${minimumMiB} MiB`,
      remedy: "add memory, or stop what uses it",
      attributes: [],
    },
  ];
}
