// Package export_kubephase_plugin_addon puts a ConfigMap into the cluster. The generated code asks for that name.
package export_kubephase_plugin_addon

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

// Render says what should be in the cluster.
func Render() Result[types.Proposal, types.Failure] {
	said, err := text()
	if err != nil {
		return failed[types.Proposal](err)
	}
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]string{"name": "{{name}}", "namespace": "kube-system"},
		"data":       map[string]string{"text": said},
	})
	if err != nil {
		return failed[types.Proposal](err)
	}
	return Ok[types.Proposal, types.Failure](types.Proposal{Objects: []types.Object{{Manifest: string(manifest)}}})
}

// Images says which images the objects use.
func Images() Result[[]string, types.Failure] {
	return Ok[[]string, types.Failure](nil)
}

// Uninstall says what is to be removed beside that.
func Uninstall() Result[types.Proposal, types.Failure] {
	return Ok[types.Proposal, types.Failure](types.Proposal{})
}
