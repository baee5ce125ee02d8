-- Envoy's stream handle, the same in every Lua. Runs once per instance, before the script; then whatever reaches outside
-- is taken away, and the script finds what Envoy would give it.
--
-- `bind` is given checks of arguments, and returns a table of functions, to whom only checked arguments are passed:
--   header_methods(map)              a table with the methods add, replace, remove and get, which check by themselves
--   get_at(map, name, index)         a value or nil;   count(map, name)   how many there are
--   next_field(map, slot)            the next slot, a name and a value, or nil
--   body_length(half)                nil when there is none;   body_bytes(half, index, length)
--   set_body(half, bytes), respond(status, body), respond_header(name, value)   whether it was done
--   log(message), lacks(message), time_ms()
--   iterates(object, iterate)        only in a Lua whose `pairs` does not ask `__pairs`: makes it ask
-- Maps and halves are numbered as in Context. `call_body` is what the upstream that scripts call answers.
local bind, call_body = ...

local type, tostring, tonumber, error, setmetatable, pairs = type, tostring, tonumber, error, setmetatable, pairs
local raw_load, rawget, select, next, concat, floor = load, rawget, select, next, table.concat, math.floor

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
  return floor(converted)
end

local function check(ok, method)
  if not ok then
    error("'" .. method .. "' was refused: what it adds to is full, or not there in this phase", 3)
  end
end

local api = bind(text, check)
local body_length, log, respond, respond_header = api.body_length, api.log, api.respond, api.respond_header

-- What Envoy's objects have (https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/lua_filter) and ours
-- have not: whoever calls it is told so, for it is no fault of the script. The functions are made when they
-- are asked for, and kept.
local function lacking(names)
  return {
    __index = function(methods, name)
      if not names[name] then return nil end
      methods[name] = function()
        local told = "'" .. name .. "' is Envoy's, and not there in process"
        api.lacks(told)
        error(told, 2)
      end
      return methods[name]
    end,
  }
end

local lacking_of_handle = lacking({
  base64Escape = true, timestampString = true, importPublicKey = true, verifySignature = true, filterContext = true,
  setUpstreamOverrideHost = true, connectionStreamInfo = true, virtualHost = true, route = true,
})
local lacking_of_stream_info = lacking({
  downstreamDirectLocalAddress = true, downstreamLocalAddress = true, downstreamDirectRemoteAddress = true,
  downstreamRemoteAddress = true, downstreamSslConnection = true, requestedServerName = true, dynamicTypedMetadata = true,
  filterState = true, virtualClusterName = true, drainConnectionUponCompletion = true,
})

local function object(methods, more)
  local metatable = more or {}
  metatable.__index = methods
  metatable.__metatable = false
  metatable.__newindex = function()
    error("an object of the stream handle cannot be written to", 2)
  end
  local made = setmetatable({}, metatable)
  if metatable.__pairs and api.iterates then
    api.iterates(made, metatable.__pairs)
  end
  return made
end

-- Headers: map 0 is the request's, 2 the response's, as in Proxy-Wasm.
local function header_map(map)
  local methods = api.header_methods(map)
  local get_at, count, next_field = api.get_at, api.count, api.next_field

  function methods.getAtIndex(_, name, index)
    if type(name) ~= "string" then name = text(name, 1, "getAtIndex") end
    return get_at(map, name, number(index, 2, "getAtIndex"))
  end

  function methods.getNumValues(_, name)
    if type(name) ~= "string" then name = text(name, 1, "getNumValues") end
    return count(map, name)
  end

  function methods.setHttp1ReasonPhrase() end

  local function iterate()
    local slot, name, value = 0, nil, nil
    return function()
      if slot == nil then return nil end
      slot, name, value = next_field(map, slot)
      return name, value
    end
  end
  return object(methods, { __pairs = iterate })
end

local function buffer(half)
  local methods = {}

  function methods.length()
    return body_length(half) or 0
  end

  function methods.getBytes(_, index, length)
    index, length = number(index, 1, "getBytes"), number(length, 2, "getBytes")
    local available = body_length(half) or 0
    if index < 0 or length < 0 or index + length > available then
      error("index/length must be >= 0 and (index + length) must be <= buffer size", 2)
    end
    return api.body_bytes(half, index, length)
  end

  function methods.setBytes(_, bytes)
    if type(bytes) ~= "string" then bytes = text(bytes, 1, "setBytes") end
    check(api.set_body(half, bytes), "setBytes")
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

local stream_info = object(setmetatable({
  protocol = function() return "HTTP/1.1" end,
  routeName = function() return "tollgate" end,
  dynamicMetadata = function() return dynamic_metadata end,
}, lacking_of_stream_info))

local connection = object({ ssl = function() return nil end })

local function logger(method)
  return function(_, message)
    if type(message) ~= "string" then message = text(message, 1, method) end
    log(message)
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
  check(respond(floor(status), content), "respond")
  for name, values in pairs(headers) do
    if name ~= ":status" then
      if type(name) ~= "string" then name = text(name, 1, "respond") end
      for _, value in pairs(type(values) == "table" and values or { values }) do
        if type(value) ~= "string" then value = text(value, 1, "respond") end
        check(respond_header(name, value), "respond")
      end
    end
  end
  error(responded, 0)
end

-- The upstream answers at once and always the same, as it answers Proxy-Wasm plugins; it has every cluster. Envoy has an
-- asynchronous call's answer thrown away, whether that is asked for by a flag or among options.
local function call(_, cluster, headers, content, options, flag)
  if type(cluster) ~= "string" then cluster = text(cluster, 1, "httpCall") end
  if type(headers) ~= "table" then
    error("bad argument #2 to 'httpCall' (table expected, got " .. type(headers) .. ")", 2)
  end
  if cluster == "" then
    error("http call cluster invalid. Must be configured", 2)
  end
  if headers[":path"] == nil or headers[":method"] == nil or headers[":authority"] == nil then
    error("http call headers must include ':path', ':method', and ':authority'", 2)
  end
  if content ~= nil and type(content) ~= "string" then text(content, 3, "httpCall") end
  local asynchronous = flag
  if type(options) == "table" then
    asynchronous = options.asynchronous
  else
    number(options, 4, "httpCall")
  end
  if asynchronous then return end
  return { [":status"] = "200", ["content-type"] = "text/plain", ["content-length"] = tostring(#call_body) }, call_body
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
  function methods.timestamp() return api.time_ms() end
  function methods.clearRouteCache() end
  function methods.body(_, always)
    if body_length(half) == nil and not always then return nil end
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
  methods.httpCall = call
  return object(setmetatable(methods, lacking_of_handle))
end

local request_handle, response_handle = stream_handle(0, 0), stream_handle(2, 1)

-- What the script may not have: LuaJIT's FFI and the compiler's switches, files, processes, bytecode (which every Lua
-- trusts), and the terminal.
local globals = _G
local os_date, os_time, os_clock, os_difftime = os.date, os.time, os.clock, os.difftime
globals.os = { date = os_date, time = os_time, clock = os_clock, difftime = os_difftime }
globals.ffi, globals.jit, globals.debug, globals.io, globals.package, globals.require = nil, nil, nil, nil, nil, nil
globals.dofile, globals.loadfile, globals.warn = nil, nil, nil
string.dump = nil
-- Envoy's Lua is 5.1: what later ones have moved is where its scripts look for it.
globals.unpack = globals.unpack or table.unpack
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
  log(line)
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
