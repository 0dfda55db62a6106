;; Speaks the next version of the package.
;; world: kubephase:plugin/plugin@0.2.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-newer-version")
  (data (i32.const 256) (i32 64 21))
  (func (export "kubephase:plugin/metadata@0.2.0#describe") (result i32) (i32.const 256)))
