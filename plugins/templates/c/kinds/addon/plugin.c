// {{name}}: puts a ConfigMap into the cluster.

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

bool exports_kubephase_plugin_addon_render(exports_kubephase_plugin_addon_proposal_t *proposal,
                                           exports_kubephase_plugin_addon_failure_t *failure) {
    (void)failure;
    *proposal = (exports_kubephase_plugin_addon_proposal_t){0};
    char *text = text_setting();
    char *manifest = join("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"{{name}}\","
                          "\"namespace\":\"kube-system\"},\"data\":{\"text\":\"",
                          text, "\"}}");
    free(text);
    proposal->objects.ptr = calloc(1, sizeof *proposal->objects.ptr);
    proposal->objects.len = 1;
    plugin_string_dup(&proposal->objects.ptr[0].manifest, manifest);
    free(manifest);
    return true;
}

bool exports_kubephase_plugin_addon_images(plugin_list_string_t *images,
                                           exports_kubephase_plugin_addon_failure_t *failure) {
    (void)failure;
    *images = (plugin_list_string_t){0};
    return true;
}

bool exports_kubephase_plugin_addon_uninstall(exports_kubephase_plugin_addon_proposal_t *proposal,
                                              exports_kubephase_plugin_addon_failure_t *failure) {
    (void)failure;
    *proposal = (exports_kubephase_plugin_addon_proposal_t){0};
    return true;
}

void exports_kubephase_plugin_metadata_describe(exports_kubephase_plugin_metadata_description_t *description) {
    *description = (exports_kubephase_plugin_metadata_description_t){0};
    plugin_string_dup(&description->name, "{{name}}");
    plugin_string_dup(&description->version, "0.1.0");
    plugin_string_dup(&description->about, "Puts a ConfigMap into the cluster");
    description->settings_schema.is_some = true;
    plugin_string_dup(&description->settings_schema.val, SCHEMA);

    exports_kubephase_plugin_metadata_want_t *want = calloc(1, sizeof *want);
    plugin_string_dup(&want->capability, "objects");
    want->scopes.ptr = calloc(1, sizeof *want->scopes.ptr);
    want->scopes.len = 1;
    plugin_string_dup(&want->scopes.ptr[0], "v1/ConfigMap/kube-system/{{name}}");
    plugin_string_dup(&want->reason, "put the text there");
    description->wants.ptr = want;
    description->wants.len = 1;
}
