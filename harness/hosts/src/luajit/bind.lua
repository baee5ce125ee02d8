-- The stream handle on LuaJIT: its functions are plain Lua functions over the FFI, so that LuaJIT compiles a loop over
-- them to machine code that calls our functions directly. Runs once per instance, before the prelude, which then takes
-- away FFI and JIT.
--
-- Every argument is checked before it crosses: on the other side a string is a pointer and a length.
local ffi, jit, context_address, api_address, metered = ...

ffi.cdef[[
typedef struct { const char *data; size_t length; const char *name; size_t name_length; } tollgate_context;
typedef struct {
  int (*add)(tollgate_context *, int, const char *, size_t, const char *, size_t);
  int (*replace)(tollgate_context *, int, const char *, size_t, const char *, size_t);
  int (*remove)(tollgate_context *, int, const char *, size_t);
  int (*get)(tollgate_context *, int, const char *, size_t);
  int (*get_at)(tollgate_context *, int, const char *, size_t, int);
  int (*count)(tollgate_context *, int, const char *, size_t);
  int (*next)(tollgate_context *, int, int);
  int (*body)(tollgate_context *, int);
  int (*set_body)(tollgate_context *, int, const char *, size_t);
  int (*log)(tollgate_context *, const char *, size_t);
  int (*lacks)(tollgate_context *, const char *, size_t);
  int (*respond)(tollgate_context *, int, const char *, size_t);
  int (*respond_header)(tollgate_context *, const char *, size_t, const char *, size_t);
  double (*time_ms)(tollgate_context *);
} tollgate_api;
]]

local context = ffi.cast("tollgate_context *", context_address)
local api = ffi.cast("const tollgate_api *", api_address)
local add, replace, remove, get = api.add, api.replace, api.remove, api.get
local get_at, count, next_field = api.get_at, api.count, api.next
local body, set_body, log, lacks, time_ms = api.body, api.set_body, api.log, api.lacks, api.time_ms
local respond, respond_header = api.respond, api.respond_header
local to_string = ffi.string

local type, tonumber = type, tonumber

if metered then
  jit.off()
end

return function(text, check)
  -- Of the hot functions, each has its own copy of the checks: a loop over them is compiled as one trace.
  local function header_methods(map)
    local methods = {}

    function methods.add(_, name, value)
      if type(name) ~= "string" then name = text(name, 1, "add") end
      if type(value) ~= "string" then value = text(value, 2, "add") end
      check(add(context, map, name, #name, value, #value) ~= 0, "add")
    end

    function methods.replace(_, name, value)
      if type(name) ~= "string" then name = text(name, 1, "replace") end
      if type(value) ~= "string" then value = text(value, 2, "replace") end
      check(replace(context, map, name, #name, value, #value) ~= 0, "replace")
    end

    function methods.remove(_, name)
      if type(name) ~= "string" then name = text(name, 1, "remove") end
      remove(context, map, name, #name)
    end

    function methods.get(_, name)
      if type(name) ~= "string" then name = text(name, 1, "get") end
      if get(context, map, name, #name) == 0 then return nil end
      return to_string(context.data, context.length)
    end

    return methods
  end

  return {
    header_methods = header_methods,
    get_at = function(map, name, index)
      if get_at(context, map, name, #name, index) == 0 then return nil end
      return to_string(context.data, context.length)
    end,
    count = function(map, name) return count(context, map, name, #name) end,
    next_field = function(map, slot)
      slot = next_field(context, map, slot)
      if slot < 0 then return nil end
      return slot, to_string(context.name, context.name_length), to_string(context.data, context.length)
    end,
    body_length = function(half)
      if body(context, half) == 0 then return nil end
      return tonumber(context.length)
    end,
    body_bytes = function(half, index, length)
      if body(context, half) == 0 then return "" end
      return to_string(context.data + index, length)
    end,
    set_body = function(half, bytes) return set_body(context, half, bytes, #bytes) ~= 0 end,
    log = function(message) log(context, message, #message) end,
    lacks = function(message) lacks(context, message, #message) end,
    respond = function(status, content) return respond(context, status, content, #content) ~= 0 end,
    respond_header = function(name, value) return respond_header(context, name, #name, value, #value) ~= 0 end,
    time_ms = function() return time_ms(context) end,
  }
end
