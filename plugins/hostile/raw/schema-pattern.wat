;; Its schema has a pattern that is short as a text, and very large once it is compiled.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-schema-pattern")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  (data (i32.const 512) "{\"properties\":{\"text\":{\"type\":\"string\",\"pattern\":\"^(([a-z]{1,300}){1,300}){1,300}$\"}}}")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 22 160 5 192 21) (i32 1 512 86) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400)))
