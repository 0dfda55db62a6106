;; Its one finding has a severity that does not exist.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-bad-severity")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 20 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (data (i32.const 400) (i32 0 512 1))
  (data (i32.const 512) (i32 64 7 77 1024 1 0 0 0 0 0 0 0 0 0 0 0))
  (data (i32.const 1024) "a")
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400)))
