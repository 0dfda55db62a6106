// Package export_kubephase_plugin_metadata says what the plugin is. The generated code asks for that name.
package export_kubephase_plugin_metadata

import (
	. "go.bytecodealliance.org/pkg/wit/types"

	metadata "wit_component/kubephase_plugin_metadata"
)

const schema = `{"type": "object", "additionalProperties": false, "properties": {"text": {
"type": "string", "pattern": "^[a-z0-9-]+$", "default": "hello", "description": "What is said."}}}`

// Describe describes the plugin.
func Describe() metadata.Description {
	return metadata.Description{
		Name:           "{{name}}",
		Version:        "0.1.0",
		About:          "Annotates the API server's pod",
		SettingsSchema: Some(schema),
		Wants: []metadata.Want{
			{Capability: "patches", Scopes: []string{"kube-apiserver"}, Reason: "annotate its pod"},
		},
	}
}
