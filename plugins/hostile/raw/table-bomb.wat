;; Lets a table grow until it is refused, and then for ever.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (table $table 1 funcref)
  (data (i32.const 64) "hostile-table-bomb")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 18 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32)
    (loop (drop (table.grow $table (ref.null func) (i32.const 4096))) (br 0))
    (unreachable)))
