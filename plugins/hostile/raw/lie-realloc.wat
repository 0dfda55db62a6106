;; Gives room for a string where it has no memory.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (import "kubephase:plugin/settings@0.1.0" "get" (func $get (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-lie-realloc")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 19 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0xfffffff0))
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (call $get (i32.const 448)) (i32.const 400)))
