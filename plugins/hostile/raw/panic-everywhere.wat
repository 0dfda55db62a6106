;; Traps in every function that it exports, describe included.
;; world: kubephase:plugin/plugin@0.1.0
(module
  (memory (export "memory") 1)
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (unreachable))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (unreachable))
  (func (export "kubephase:plugin/addon@0.1.0#render") (result i32) (unreachable))
  (func (export "kubephase:plugin/addon@0.1.0#images") (result i32) (unreachable))
  (func (export "kubephase:plugin/addon@0.1.0#uninstall") (result i32) (unreachable))
  (func (export "kubephase:plugin/mutator@0.1.0#mutate") (param i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "kubephase:plugin/phase@0.1.0#run") (result i32) (unreachable))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
