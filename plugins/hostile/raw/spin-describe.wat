;; Loops for ever when it is asked what it is.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (loop (br 0)) (unreachable))
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400)))
