// Package export_kubephase_plugin_preflight checks that there are enough processors. The generated code asks for that name.
package export_kubephase_plugin_preflight

import (
	"encoding/json"
	"fmt"

	. "go.bytecodealliance.org/pkg/wit/types"

	facts "wit_component/kubephase_plugin_facts"
	settings "wit_component/kubephase_plugin_settings"
	types "wit_component/kubephase_plugin_types"
)

// Check looks, and says what it finds.
func Check() Result[[]types.Finding, types.Failure] {
	wanted := struct {
		Minimum uint32 `json:"minimum"`
	}{Minimum: 2}
	if err := json.Unmarshal([]byte(settings.Get()), &wanted); err != nil {
		return Err[[]types.Finding](types.Failure{Code: "invalid", Message: err.Error(), Remedy: None[string]()})
	}
	cpu := facts.Cpu()
	if cpu.IsErr() {
		return Err[[]types.Finding](cpu.Err())
	}
	count := cpu.Ok().Count
	if count >= wanted.Minimum {
		return Ok[[]types.Finding, types.Failure](nil)
	}
	return Ok[[]types.Finding, types.Failure]([]types.Finding{{
		Id:       "TooFewProcessors",
		Severity: types.SeverityError,
		Message:  fmt.Sprintf("this machine has %d of the processors that are asked for", count),
		Expected: Some(fmt.Sprintf("at least %d", wanted.Minimum)),
		Remedy:   Some("use a larger machine"),
		Link:     None[string](),
	}})
}
