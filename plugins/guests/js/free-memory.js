// free-memory in JavaScript: looks whether enough memory is available, before anything is changed.

import { memory } from "kubephase:plugin/facts@0.1.0";
import { get } from "kubephase:plugin/settings@0.1.0";

const MIB = 1024n * 1024n;

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

export const preflight = {
  check() {
    const { minimumMiB = 1024 } = JSON.parse(get());
    // 64-bit numbers are BigInt.
    const available = memory().available / MIB;
    if (available >= BigInt(minimumMiB)) {
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
  },
};
