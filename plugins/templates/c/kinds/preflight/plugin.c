// {{name}}: checks that there are enough processors.

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"minimum\":{\"type\":\"integer\","
    "\"minimum\":1,\"default\":2,\"description\":\"How many processors there must be.\"}}}";

// Writes a number and a text behind it.
static void write_number(char *to, uint64_t number, const char *text) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    strcpy(to, text);
}

// The setting. kubephase has checked the settings against the schema: if it is there it is an integer.
static uint64_t minimum_setting(void) {
    plugin_string_t settings;
    kubephase_plugin_settings_get(&settings);
    char *json = strndup((const char *)settings.ptr, settings.len);
    plugin_string_free(&settings);
    const char *key = strstr(json, "\"minimum\"");
    const char *colon = key ? strchr(key, ':') : NULL;
    uint64_t minimum = colon ? strtoull(colon + 1, NULL, 10) : 2;
    free(json);
    return minimum;
}

static void set_option(plugin_option_string_t *option, const char *text) {
    option->is_some = true;
    plugin_string_dup(&option->val, text);
}

bool exports_kubephase_plugin_preflight_check(exports_kubephase_plugin_preflight_list_finding_t *findings,
                                              exports_kubephase_plugin_preflight_failure_t *failure) {
    kubephase_plugin_facts_cpu_facts_t cpu;
    if (!kubephase_plugin_facts_cpu(&cpu, failure)) {
        return false;
    }
    uint64_t count = cpu.count;
    kubephase_plugin_facts_cpu_facts_free(&cpu);
    uint64_t minimum = minimum_setting();
    *findings = (exports_kubephase_plugin_preflight_list_finding_t){0};
    if (count >= minimum) {
        return true;
    }

    char seen[100] = "this machine has ", expected[40] = "at least ";
    write_number(seen + strlen(seen), count, " of the processors that are asked for");
    write_number(expected + strlen(expected), minimum, "");

    exports_kubephase_plugin_preflight_finding_t *finding = calloc(1, sizeof *finding);
    finding->severity = KUBEPHASE_PLUGIN_TYPES_SEVERITY_ERROR;
    plugin_string_dup(&finding->id, "TooFewProcessors");
    plugin_string_dup(&finding->message, seen);
    set_option(&finding->expected, expected);
    set_option(&finding->remedy, "use a larger machine");
    findings->ptr = finding;
    findings->len = 1;
    return true;
}

void exports_kubephase_plugin_metadata_describe(exports_kubephase_plugin_metadata_description_t *description) {
    *description = (exports_kubephase_plugin_metadata_description_t){0};
    plugin_string_dup(&description->name, "{{name}}");
    plugin_string_dup(&description->version, "0.1.0");
    plugin_string_dup(&description->about, "Checks that there are enough processors");
    description->settings_schema.is_some = true;
    plugin_string_dup(&description->settings_schema.val, SCHEMA);

    exports_kubephase_plugin_metadata_want_t *want = calloc(1, sizeof *want);
    plugin_string_dup(&want->capability, "facts");
    want->scopes.ptr = calloc(1, sizeof *want->scopes.ptr);
    want->scopes.len = 1;
    plugin_string_dup(&want->scopes.ptr[0], "cpu");
    plugin_string_dup(&want->reason, "count the processors");
    description->wants.ptr = want;
    description->wants.len = 1;
}
