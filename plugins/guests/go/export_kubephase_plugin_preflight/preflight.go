// Package export_kubephase_plugin_preflight looks whether enough memory is available, before anything is changed. The
// generated code asks for that name.
package export_kubephase_plugin_preflight

import (
	"encoding/json"
	"fmt"

	. "go.bytecodealliance.org/pkg/wit/types"

	facts "wit_component/kubephase_plugin_facts"
	settings "wit_component/kubephase_plugin_settings"
	types "wit_component/kubephase_plugin_types"
)

const mib = 1024 * 1024

// Check looks, and says what it finds.
func Check() Result[[]types.Finding, types.Failure] {
	wanted := struct {
		MinimumMiB uint64 `json:"minimumMiB"`
	}{MinimumMiB: 1024}
	if err := json.Unmarshal([]byte(settings.Get()), &wanted); err != nil {
		return Err[[]types.Finding](types.Failure{Code: "invalid", Message: "settings: " + err.Error(), Remedy: None[string]()})
	}
	memory := facts.Memory()
	if memory.IsErr() {
		return Err[[]types.Finding](memory.Err())
	}
	available := memory.Ok().Available / mib
	if available >= wanted.MinimumMiB {
		return Ok[[]types.Finding, types.Failure](nil)
	}
	return Ok[[]types.Finding, types.Failure]([]types.Finding{{
		Id:       "FreeMemory",
		Severity: types.SeverityError,
		Message:  fmt.Sprintf("%d MiB of memory are available", available),
		Expected: Some(fmt.Sprintf("at least %d MiB", wanted.MinimumMiB)),
		Remedy:   Some("add memory, or stop what uses it"),
		Link:     None[string](),
	}})
}
