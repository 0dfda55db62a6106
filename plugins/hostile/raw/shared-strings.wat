;; Four pages of findings, whose messages are all the same megabyte: little for the guest, four gigabytes for who
;; copies them.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (memory (export "memory") 32)
  (data (i32.const 64) "hostile-shared-strings")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 22 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (data (i32.const 400) (i32 0 65536 4096))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32)
    (local $at i32)
    (memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1048576))
    (local.set $at (i32.const 65536))
    (loop $next
      (i32.store (local.get $at) (i32.const 64))
      (i32.store offset=4 (local.get $at) (i32.const 7))
      (i32.store offset=12 (local.get $at) (i32.const 1048576))
      (i32.store offset=16 (local.get $at) (i32.const 1048576))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 327680))))
    (i32.const 400)))
