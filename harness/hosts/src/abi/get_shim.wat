;; `proxy_get_header_map_value`, as plugins on wasmtime, wasmer and wasmi import it.
;;
;; The ABI lets the host call the guest's allocator in the middle of this host function. From a host function, that is
;; the most expensive call there is: the runtime enters Wasm anew. From Wasm it is a plain call. So the function is
;; Wasm, and the host's part is two short calls: one before the allocator, one after. The plugin sees no difference.
(module
  ;; Size of the value in bytes, or a status below 0 (its negative) when there is nothing to hand over.
  (import "tollgate" "begin_get" (func $begin (param $map i32) (param $name i32) (param $name_size i32) (result i32)))
  ;; Writes the value, and where and how long it is; answers with a status.
  (import "tollgate" "finish_get" (func $finish (param $value i32) (param $value_at i32) (param $size_at i32) (result i32)))
  ;; The guest's allocator, put there once the guest is instantiated. It could grow, because wasmer 7.3 keeps a copy of a
  ;; table that cannot, and does not see what its host puts into it.
  (table (export "allocator") 1 2 funcref)
  (type $allocator (func (param i32) (result i32)))
  (func (export "proxy_get_header_map_value")
    (param $map i32) (param $name i32) (param $name_size i32) (param $value_at i32) (param $size_at i32) (result i32)
    (local $size i32) (local $value i32)
    (local.set $size (call $begin (local.get $map) (local.get $name) (local.get $name_size)))
    (if (i32.lt_s (local.get $size) (i32.const 0))
      (then (return (i32.sub (i32.const 0) (local.get $size)))))
    ;; Nothing is ever allocated for 0 bytes.
    (if (local.get $size)
      (then (local.set $value (call_indirect (type $allocator) (local.get $size) (i32.const 0)))))
    (call $finish (local.get $value) (local.get $value_at) (local.get $size_at))))
