;; Says that it wants nothing, and reads a file and asks a server.
;; world: kubephase:plugin/preflight-plugin@0.1.0
(module
  (import "kubephase:plugin/files@0.1.0" "read" (func $read (param i32 i32 i32)))
  (import "kubephase:plugin/probe@0.1.0" "dns-lookup" (func $lookup (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "hostile-lie-wants")
  (data (i32.const 160) "0.1.0")
  (data (i32.const 192) "Is hostile, for tests")
  ;; description: name, version, about, schema, wants, before, after, attributes
  (data (i32.const 256) (i32 64 17 160 5 192 21) (i32 0 0 0) (i32 0 0) (i32 0 0 0 0 0 0))
  (func (export "kubephase:plugin/metadata@0.1.0#describe") (result i32) (i32.const 256))
  (data (i32.const 512) "/etc/shadow")
  (data (i32.const 544) "exfiltrated.example.org")
  (data (i32.const 400) (i32 0 0 0))
  ;; room from the second page on, never given back
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
  (func (export "kubephase:plugin/preflight@0.1.0#check") (result i32)
    (call $read (i32.const 512) (i32.const 11) (i32.const 600))
    (call $lookup (i32.const 544) (i32.const 23) (i32.const 700))
    ;; a trap if either was answered with something else than a failure
    (if (i32.eqz (i32.and (i32.load8_u (i32.const 600)) (i32.load8_u (i32.const 700)))) (then (unreachable)))
    (i32.const 400)))
