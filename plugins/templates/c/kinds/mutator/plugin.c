// {{name}}: annotates the API server's pod.

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"text\":{\"type\":\"string\","
    "\"pattern\":\"^[a-z0-9-]+$\",\"default\":\"hello\",\"description\":\"What is said.\"}}}";

// The setting. kubephase has checked the settings against the schema: if it is there it is a string without escapes.
static char *text_setting(void) {
    plugin_string_t settings;
    kubephase_plugin_settings_get(&settings);
    char *json = strndup((const char *)settings.ptr, settings.len);
    plugin_string_free(&settings);
    char *text = strdup("hello");
    char *key = strstr(json, "\"text\"");
    char *begin = key ? strchr(key + strlen("\"text\""), '"') : NULL;
    char *end = begin ? strchr(begin + 1, '"') : NULL;
    if (end) {
        free(text);
        text = strndup(begin + 1, (size_t)(end - begin - 1));
    }
    free(json);
    return text;
}

// Texts, one after the other, allocated.
static char *join(const char *first, const char *second, const char *third) {
    char *all = malloc(strlen(first) + strlen(second) + strlen(third) + 1);
    strcpy(all, first);
    strcat(all, second);
    strcat(all, third);
    return all;
}

bool exports_kubephase_plugin_mutator_mutate(plugin_string_t *target, plugin_string_t *document,
                                             exports_kubephase_plugin_mutator_proposal_t *proposal,
                                             exports_kubephase_plugin_mutator_failure_t *failure) {
    (void)failure;
    *proposal = (exports_kubephase_plugin_mutator_proposal_t){0};
    const char *wanted = "kube-apiserver";
    bool is_wanted = target->len == strlen(wanted) && memcmp(target->ptr, wanted, target->len) == 0;
    plugin_string_free(target);
    plugin_string_free(document);
    if (!is_wanted) {
        return true;
    }
    char *text = text_setting();
    char *body = join("{\"metadata\":{\"annotations\":{\"example.org/{{name}}\":\"", text, "\"}}}");
    free(text);
    proposal->patches.ptr = calloc(1, sizeof *proposal->patches.ptr);
    proposal->patches.len = 1;
    plugin_string_dup(&proposal->patches.ptr[0].target, wanted);
    plugin_string_dup(&proposal->patches.ptr[0].language, "merge");
    plugin_string_dup(&proposal->patches.ptr[0].body, body);
    plugin_string_dup(&proposal->patches.ptr[0].reason, "say hi");
    free(body);
    return true;
}

void exports_kubephase_plugin_metadata_describe(exports_kubephase_plugin_metadata_description_t *description) {
    *description = (exports_kubephase_plugin_metadata_description_t){0};
    plugin_string_dup(&description->name, "{{name}}");
    plugin_string_dup(&description->version, "0.1.0");
    plugin_string_dup(&description->about, "Annotates the API server's pod");
    description->settings_schema.is_some = true;
    plugin_string_dup(&description->settings_schema.val, SCHEMA);

    exports_kubephase_plugin_metadata_want_t *want = calloc(1, sizeof *want);
    plugin_string_dup(&want->capability, "patches");
    want->scopes.ptr = calloc(1, sizeof *want->scopes.ptr);
    want->scopes.len = 1;
    plugin_string_dup(&want->scopes.ptr[0], "kube-apiserver");
    plugin_string_dup(&want->reason, "annotate its pod");
    description->wants.ptr = want;
    description->wants.len = 1;
}
