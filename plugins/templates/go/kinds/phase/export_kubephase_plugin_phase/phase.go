// Package export_kubephase_plugin_phase writes a file, before the control plane is made. The generated code asks for that name.
package export_kubephase_plugin_phase

import (
	"encoding/json"

	. "go.bytecodealliance.org/pkg/wit/types"

	settings "wit_component/kubephase_plugin_settings"
	types "wit_component/kubephase_plugin_types"
)

func failed[T any](err error) Result[T, types.Failure] {
	return Err[T](types.Failure{Code: "other", Message: err.Error(), Remedy: None[string]()})
}

func text() (string, error) {
	wanted := struct {
		Text string `json:"text"`
	}{Text: "hello"}
	err := json.Unmarshal([]byte(settings.Get()), &wanted)
	return wanted.Text, err
}

// Run says which file.
func Run() Result[types.Proposal, types.Failure] {
	said, err := text()
	if err != nil {
		return failed[types.Proposal](err)
	}
	file := types.File{Path: "/etc/{{name}}", Mode: 0o644, Contents: []uint8(said + "\n")}
	return Ok[types.Proposal, types.Failure](types.Proposal{Files: []types.File{file}})
}
