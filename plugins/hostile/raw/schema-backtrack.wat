;; Its schema has a pattern that takes for ever on a long `aaaa…`, for who tries one way after the other.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "hostile-schema-backtrack")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  (data (i32.const 512) "{\"properties\":{\"text\":{\"type\":\"string\",\"pattern\":\"^(a|aa)+$(?<=b)\"}}}")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 24 160 5 192 21) (i32 1 512 69) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  ;; check: no findings
  (data (i32.const 400) (i32 0 0 0))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32) (i32.const 400)))
