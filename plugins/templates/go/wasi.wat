;; Answers what Go's runtime asks of WASI (preview 1), inside the component, so that the component imports no WASI:
;; no arguments, no environment, no files; what is printed is swallowed; the clock moves by a millisecond each time it is
;; asked; randomness is a fixed sequence, so never make keys of it (kubephase fills them in).
;;
;; wit-component calls this an adapter. It covers what Go 1.27 imports, no more.
(module
  (import "env" "memory" (memory 0))
  (global $clock (mut i64) (i64.const 0))
  (global $random (mut i64) (i64.const 0x9e3779b97f4a7c15))

  (func (export "proc_exit") (param i32) unreachable)
  (func (export "sched_yield") (result i32) i32.const 0)

  ;; Nothing: both numbers are 0.
  (func $none (param $count i32) (param $size i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $size) (i32.const 0))
    i32.const 0)
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func (export "args_get") (param i32 i32) (result i32) i32.const 0)
  (func (export "environ_get") (param i32 i32) (result i32) i32.const 0)

  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $to i32) (result i32)
    (global.set $clock (i64.add (global.get $clock) (i64.const 1000000)))
    (i64.store (local.get $to) (global.get $clock))
    i32.const 0)

  ;; xorshift64.
  (func (export "random_get") (param $to i32) (param $length i32) (result i32)
    (local $x i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $x (global.get $random))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
        (global.set $random (local.get $x))
        (i64.store8 (local.get $to) (local.get $x))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    i32.const 0)

  ;; Everything that is waited for happens at once; a time that is waited for has then come.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $happened i32) (result i32)
    (i32.store (local.get $happened) (local.get $count))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (if (i32.eqz (i32.load8_u offset=8 (local.get $in)))
          (then
            (if (i32.and (i32.load16_u offset=40 (local.get $in)) (i32.const 1))
              (then
                (if (i64.lt_u (global.get $clock) (i64.load offset=24 (local.get $in)))
                  (then (global.set $clock (i64.load offset=24 (local.get $in))))))
              (else
                (global.set $clock (i64.add (global.get $clock) (i64.load offset=24 (local.get $in))))))))
        (i64.store (local.get $out) (i64.load (local.get $in)))
        (i64.store offset=8 (local.get $out) (i64.const 0))
        (i32.store8 offset=10 (local.get $out) (i32.load8_u offset=8 (local.get $in)))
        (i64.store offset=16 (local.get $out) (i64.const 0))
        (i64.store offset=24 (local.get $out) (i64.const 0))
        (local.set $in (i32.add (local.get $in) (i32.const 48)))
        (local.set $out (i32.add (local.get $out) (i32.const 32)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    i32.const 0)

  (func (export "fd_write") (param $fd i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (i32.store (local.get $written) (i32.const 0))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (i32.store (local.get $written)
          (i32.add (i32.load (local.get $written)) (i32.load offset=4 (local.get $pieces))))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    i32.const 0)

  ;; The end of the file.
  (func (export "fd_read") (param i32 i32 i32) (param $read i32) (result i32)
    (i32.store (local.get $read) (i32.const 0))
    i32.const 0)

  ;; A terminal without rights.
  (func (export "fd_fdstat_get") (param $fd i32) (param $to i32) (result i32)
    (i64.store (local.get $to) (i64.const 2))
    (i64.store offset=8 (local.get $to) (i64.const 0))
    (i64.store offset=16 (local.get $to) (i64.const 0))
    i32.const 0)
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) i32.const 0)
  (func (export "fd_close") (param i32) (result i32) i32.const 0)

  ;; There are no directories: EBADF.
  (func (export "fd_prestat_get") (param i32 i32) (result i32) i32.const 8)
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) i32.const 8))
