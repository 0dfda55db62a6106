;; Wants a function that kubephase does not have.
;; world: hostile:raw/unknown-import@0.1.0
(module
  (import "hostile:raw/shell@0.1.0" "execute" (func $execute (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-unknown-import")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 22 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (data (i32.const 512) "id")
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (call $execute (i32.const 512) (i32.const 2)) (i32.const 400)))
