// Package export_kubephase_plugin_metadata says what the plugin is. The generated code asks for that name.
package export_kubephase_plugin_metadata

import (
	. "go.bytecodealliance.org/pkg/wit/types"

	metadata "wit_component/kubephase_plugin_metadata"
)

const schema = `{"type": "object", "additionalProperties": false, "properties": {"minimum": {
"type": "integer", "minimum": 1, "default": 2, "description": "How many processors there must be."}}}`

// Describe describes the plugin.
func Describe() metadata.Description {
	return metadata.Description{
		Name:           "{{name}}",
		Version:        "0.1.0",
		About:          "Checks that there are enough processors",
		SettingsSchema: Some(schema),
		Wants: []metadata.Want{
			{Capability: "facts", Scopes: []string{"cpu"}, Reason: "count the processors"},
		},
	}
}
