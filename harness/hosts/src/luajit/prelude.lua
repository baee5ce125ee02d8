-- Envoy's stream handle, made cheap: its methods are plain Lua functions over the FFI, so that LuaJIT compiles a loop
-- over them to machine code that calls our functions directly. Runs once per instance, before the script; then FFI,
-- JIT and whatever reaches outside are taken away, and the script finds what Envoy would give it.
--
-- Every argument is checked here before it crosses: on the other side a string is a pointer and a length.
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
  int (*respond)(tollgate_context *, int, const char *, size_t);
  int (*respond_header)(tollgate_context *, const char *, size_t, const char *, size_t);
  double (*time_ms)(tollgate_context *);
} tollgate_api;
]]

local context = ffi.cast("tollgate_context *", context_address)
local api = ffi.cast("const tollgate_api *", api_address)
local add, replace, remove, get = api.add, api.replace, api.remove, api.get
local get_at, count, next_field = api.get_at, api.count, api.next
local body, set_body, log, time_ms = api.body, api.set_body, api.log, api.time_ms
local respond, respond_header = api.respond, api.respond_header
local to_string = ffi.string

local type, tostring, tonumber, error, setmetatable, pairs = type, tostring, tonumber, error, setmetatable, pairs
local raw_load, rawget, select, next, concat = load, rawget, select, next, table.concat

if metered then
  jit.off()
end

-- As luaL_checkstring: numbers are taken for their text.
local function text(value, position, method)
  if type(value) == "number" then
    return tostring(value)
  end
  error("bad argument #" .. position .. " to '" .. method .. "' (string expected, got " .. type(value) .. ")", 3)
end

local function number(value, position, method)
  local converted = tonumber(value)
  if converted == nil or converted ~= converted or converted < -2147483648 or converted > 2147483647 then
    error("bad argument #" .. position .. " to '" .. method .. "' (number expected, got " .. tostring(value) .. ")", 3)
  end
  return converted
end

local function check(ok, method)
  if ok == 0 then
    error("'" .. method .. "' was refused: what it adds to is full, or not there in this phase", 3)
  end
end

local function object(methods, more)
  local metatable = more or {}
  metatable.__index = methods
  metatable.__metatable = false
  metatable.__newindex = function()
    error("an object of the stream handle cannot be written to", 2)
  end
  return setmetatable({}, metatable)
end

-- Headers: map 0 is the request's, 2 the response's, as in Proxy-Wasm.
local function header_map(map)
  local methods = {}

  function methods.add(_, name, value)
    if type(name) ~= "string" then name = text(name, 1, "add") end
    if type(value) ~= "string" then value = text(value, 2, "add") end
    check(add(context, map, name, #name, value, #value), "add")
  end

  function methods.replace(_, name, value)
    if type(name) ~= "string" then name = text(name, 1, "replace") end
    if type(value) ~= "string" then value = text(value, 2, "replace") end
    check(replace(context, map, name, #name, value, #value), "replace")
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

  function methods.getAtIndex(_, name, index)
    if type(name) ~= "string" then name = text(name, 1, "getAtIndex") end
    index = number(index, 2, "getAtIndex")
    if get_at(context, map, name, #name, index) == 0 then return nil end
    return to_string(context.data, context.length)
  end

  function methods.getNumValues(_, name)
    if type(name) ~= "string" then name = text(name, 1, "getNumValues") end
    return count(context, map, name, #name)
  end

  function methods.setHttp1ReasonPhrase() end

  local function iterate()
    local slot = 0
    return function()
      slot = next_field(context, map, slot)
      if slot < 0 then return nil end
      return to_string(context.name, context.name_length), to_string(context.data, context.length)
    end
  end
  return object(methods, { __pairs = iterate })
end

local function buffer(half)
  local methods = {}

  function methods.length()
    if body(context, half) == 0 then return 0 end
    return tonumber(context.length)
  end

  function methods.getBytes(_, index, length)
    index, length = number(index, 1, "getBytes"), number(length, 2, "getBytes")
    local available = body(context, half) == 0 and 0 or tonumber(context.length)
    if index < 0 or length < 0 or index + length > available then
      error("index/length must be >= 0 and (index + length) must be <= buffer size", 2)
    end
    return to_string(context.data + index, length)
  end

  function methods.setBytes(_, bytes)
    if type(bytes) ~= "string" then bytes = text(bytes, 1, "setBytes") end
    check(set_body(context, half, bytes, #bytes), "setBytes")
    return #bytes
  end

  return object(methods)
end

local empty_map = object({ get = function() return nil end }, {
  __pairs = function() return function() return nil end end,
})

-- Dynamic metadata lives as long as its request.
local dynamic = {}
local dynamic_metadata = object({
  get = function(_, filter) return rawget(dynamic, filter) end,
  set = function(_, filter, key, value)
    dynamic[filter] = rawget(dynamic, filter) or {}
    dynamic[filter][key] = value
  end,
}, { __pairs = function() return pairs(dynamic) end })

local stream_info = object({
  protocol = function() return "HTTP/1.1" end,
  routeName = function() return "tollgate" end,
  dynamicMetadata = function() return dynamic_metadata end,
})

local connection = object({ ssl = function() return nil end })

local function logger(method)
  return function(_, message)
    if type(message) ~= "string" then message = text(message, 1, method) end
    log(context, message, #message)
  end
end

-- Envoy ends the script's coroutine here; an error that nothing else raises does the same.
local responded = setmetatable({}, { __tostring = function() return "the script responded" end })

local function answer(_, headers, content)
  if type(headers) ~= "table" then
    error("bad argument #1 to 'respond' (table expected, got " .. type(headers) .. ")", 2)
  end
  local status = tonumber(headers[":status"])
  if status == nil or status < 200 or status >= 600 then
    error(":status must be between 200 and 599", 2)
  end
  if content == nil then
    content = ""
  elseif type(content) ~= "string" then
    content = text(content, 2, "respond")
  end
  check(respond(context, status, content, #content), "respond")
  for name, values in pairs(headers) do
    if name ~= ":status" then
      if type(name) ~= "string" then name = text(name, 1, "respond") end
      for _, value in pairs(type(values) == "table" and values or { values }) do
        if type(value) ~= "string" then value = text(value, 1, "respond") end
        check(respond_header(context, name, #name, value, #value), "respond")
      end
    end
  end
  error(responded, 0)
end

local function stream_handle(map, half)
  local headers, content = header_map(map), buffer(half)
  local methods = {
    respond = answer,
    logTrace = logger("logTrace"),
    logDebug = logger("logDebug"),
    logInfo = logger("logInfo"),
    logWarn = logger("logWarn"),
    logErr = logger("logErr"),
    logCritical = logger("logCritical"),
  }

  function methods.headers() return headers end
  function methods.trailers() return nil end
  function methods.metadata() return empty_map end
  function methods.streamInfo() return stream_info end
  function methods.connection() return connection end
  function methods.timestamp() return time_ms(context) end
  function methods.clearRouteCache() end
  function methods.body(_, always)
    if body(context, half) == 0 and not always then return nil end
    return content
  end
  function methods.bodyChunks(handle)
    local chunk = handle:body()
    return function()
      local this = chunk
      chunk = nil
      return this
    end
  end
  function methods.httpCall()
    error("handle:httpCall has nothing to call in process; run the script on a gateway, with `--gateway envoy`", 2)
  end
  return object(methods)
end

local request_handle, response_handle = stream_handle(0, 0), stream_handle(2, 1)

-- What the script may not have: the FFI, the compiler's switches, files, processes, bytecode (LuaJIT trusts it), and
-- the terminal.
local globals = _G
local os_date, os_time, os_clock, os_difftime = os.date, os.time, os.clock, os.difftime
globals.os = { date = os_date, time = os_time, clock = os_clock, difftime = os_difftime }
globals.ffi, globals.jit, globals.debug, globals.io, globals.package, globals.require = nil, nil, nil, nil, nil, nil
globals.dofile, globals.loadfile = nil, nil
string.dump = nil
globals.load = function(chunk, name, _, ...)
  if select("#", ...) > 0 then
    return raw_load(chunk, name, "t", (...))
  end
  return raw_load(chunk, name, "t")
end
globals.loadstring = function(chunk, name)
  return raw_load(chunk, name, "t")
end
globals.print = function(...)
  local parts = {}
  for index = 1, select("#", ...) do
    parts[index] = tostring((select(index, ...)))
  end
  local line = concat(parts, "\t")
  log(context, line, #line)
end

-- Called once the script has run: gives what to call for a request, and for a response.
return function()
  local on_request, on_response = rawget(globals, "envoy_on_request"), rawget(globals, "envoy_on_response")
  local request = type(on_request) == "function" and function()
    if next(dynamic) ~= nil then dynamic = {} end
    on_request(request_handle)
  end or nil
  local response = type(on_response) == "function" and function()
    on_response(response_handle)
  end or nil
  return request, response
end
