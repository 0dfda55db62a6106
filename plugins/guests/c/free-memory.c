// free-memory in C: looks whether enough memory is available, before anything is changed.
//
// Everything that is handed over is freed by the generated code, so all of it is allocated: by `plugin_string_dup`, or
// by malloc. No stdio: it would import WASI.

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define DEFAULT_MIB 1024

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"minimumMiB\":{"
    "\"type\":\"integer\",\"minimum\":1,\"default\":1024,\"description\":\"How much memory must be available.\"}}}";

// Writes a number and a text behind it; gives where they end.
static char *write_number(char *to, uint64_t number, const char *text) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    size_t length = strlen(text);
    memcpy(to, text, length + 1);
    return to + length;
}

// The setting. kubephase has checked the settings against the schema, so if it is there its value is an integer.
static uint64_t minimum_mib(void) {
    plugin_string_t settings;
    kubephase_plugin_settings_get(&settings);
    char *text = strndup((const char *)settings.ptr, settings.len);
    plugin_string_free(&settings);
    const char *key = strstr(text, "\"minimumMiB\"");
    const char *colon = key ? strchr(key, ':') : NULL;
    uint64_t minimum = colon ? strtoull(colon + 1, NULL, 10) : DEFAULT_MIB;
    free(text);
    return minimum;
}

static void set_option(plugin_option_string_t *option, const char *text) {
    option->is_some = true;
    plugin_string_dup(&option->val, text);
}

bool exports_kubephase_plugin_preflight_check(exports_kubephase_plugin_preflight_list_finding_t *findings,
                                              exports_kubephase_plugin_preflight_failure_t *failure) {
    kubephase_plugin_facts_memory_facts_t memory;
    if (!kubephase_plugin_facts_memory(&memory, failure)) {
        return false;
    }
    uint64_t available = memory.available / (1024 * 1024);
    kubephase_plugin_facts_memory_facts_free(&memory);
    uint64_t minimum = minimum_mib();
    *findings = (exports_kubephase_plugin_preflight_list_finding_t){0};
    if (available >= minimum) {
        return true;
    }

    char seen[64], expected[64] = "at least ";
    write_number(seen, available, " MiB of memory are available");
    write_number(expected + strlen(expected), minimum, " MiB");

    exports_kubephase_plugin_preflight_finding_t *finding = calloc(1, sizeof *finding);
    finding->severity = KUBEPHASE_PLUGIN_TYPES_SEVERITY_ERROR;
    plugin_string_dup(&finding->id, "FreeMemory");
    plugin_string_dup(&finding->message, seen);
    set_option(&finding->expected, expected);
    set_option(&finding->remedy, "add memory, or stop what uses it");
    findings->ptr = finding;
    findings->len = 1;
    return true;
}

void exports_kubephase_plugin_metadata_describe(exports_kubephase_plugin_metadata_description_t *description) {
    *description = (exports_kubephase_plugin_metadata_description_t){0};
    plugin_string_dup(&description->name, "free-memory-c");
    plugin_string_dup(&description->version, "0.1.0");
    plugin_string_dup(&description->about, "Checks that enough memory is available");
    set_option(&description->settings_schema, SCHEMA);

    exports_kubephase_plugin_metadata_want_t *want = calloc(1, sizeof *want);
    plugin_string_dup(&want->capability, "facts");
    want->scopes.ptr = calloc(1, sizeof *want->scopes.ptr);
    want->scopes.len = 1;
    plugin_string_dup(&want->scopes.ptr[0], "memory");
    plugin_string_dup(&want->reason, "read how much memory is available");
    description->wants.ptr = want;
    description->wants.len = 1;
}
