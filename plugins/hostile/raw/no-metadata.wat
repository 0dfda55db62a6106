;; Checks the node, but does not say what it is.
;; world: hostile:raw/no-metadata@0.1.0
(module
  (memory (export "memory") 1)
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400)))
