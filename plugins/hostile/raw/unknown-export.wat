;; Exports an interface that kubephase does not know.
;; world: hostile:raw/unknown-export@0.1.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-unknown-export")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 22 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400))
  (func (export "hostile:raw/shell@0.1.0#execute") (param i32 i32))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
