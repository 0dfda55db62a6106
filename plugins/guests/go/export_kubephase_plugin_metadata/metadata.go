// Package export_kubephase_plugin_metadata says what free-memory in Go is. The generated code asks for that name.
package export_kubephase_plugin_metadata

import (
	. "go.bytecodealliance.org/pkg/wit/types"

	metadata "wit_component/kubephase_plugin_metadata"
)

const schema = `{"type": "object", "additionalProperties": false, "properties": {"minimumMiB": {
"type": "integer", "minimum": 1, "default": 1024, "description": "How much memory must be available."}}}`

// Describe describes the plugin.
func Describe() metadata.Description {
	return metadata.Description{
		Name:           "free-memory-go",
		Version:        "0.1.0",
		About:          "Checks that enough memory is available",
		SettingsSchema: Some(schema),
		Wants: []metadata.Want{
			{Capability: "facts", Scopes: []string{"memory"}, Reason: "read how much memory is available"},
		},
	}
}
