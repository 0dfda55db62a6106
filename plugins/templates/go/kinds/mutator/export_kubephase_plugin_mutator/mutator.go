// Package export_kubephase_plugin_mutator annotates the API server's pod. The generated code asks for that name.
package export_kubephase_plugin_mutator

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

// Mutate proposes patches for a document.
func Mutate(target string, document string) Result[types.Proposal, types.Failure] {
	if target != "kube-apiserver" {
		return Ok[types.Proposal, types.Failure](types.Proposal{})
	}
	said, err := text()
	if err != nil {
		return failed[types.Proposal](err)
	}
	annotations := map[string]string{"example.org/{{name}}": said}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return failed[types.Proposal](err)
	}
	patch := types.Patch{Target: target, Language: "merge", Body: string(body), Reason: "say hi"}
	return Ok[types.Proposal, types.Failure](types.Proposal{Patches: []types.Patch{patch}})
}
