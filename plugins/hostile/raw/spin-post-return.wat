;; Answers at once, and loops for ever when it is told that the answer has been read.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-spin-post-return")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 24 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400))
  (func (export "cabi_post_kubephase:plugin/preflight@0.1.0#check") (param i32) (loop (br 0))))
