-- What every gateway needs that runs scripts in a Lua of its own: environments, arms and their counts, and the part of
-- Envoy's stream handle that asks nothing of the gateway. Runs once, before the scripts, in Lua 5.1 or later.
--
-- Returns a table `shim` of this: what `handle.lua` of a gateway builds its handle with, and
--   shim.arm(number, name, source)   an arm, and its script if it has one; a script that fails is refused, not raised
--   shim.report()                    counts of all arms as JSON
-- `handle.lua` is given `shim` and sets:
--   shim.log(level, message)         level as in `methods` below
--   shim.time_ms()                   milliseconds since 1970
--   shim.answer(handle, status, headers, content)   does not return; headers is a list of pairs
--   shim.metadata_of(handle)         a table that lives as long as the request
--   shim.serve(arm, on_request, on_response)        takes an arm into service; on_response may be nil
--   shim.requests(arm)               requests that the gateway itself counted, or nil
--   shim.total()                     the same of all arms together, or nil
local shim = {}

local type, tostring, tonumber, error, pcall, pairs, ipairs = type, tostring, tonumber, error, pcall, pairs, ipairs
local setmetatable, rawget, rawset, select, load, next = setmetatable, rawget, rawset, select, load, next
local floor, concat, format, byte, gsub = math.floor, table.concat, string.format, string.byte, string.gsub

-- As luaL_checkstring: numbers are taken for their text.
local function text(value, position, method)
  if type(value) == "string" then
    return value
  elseif type(value) == "number" then
    return tostring(value)
  end
  error("bad argument #" .. position .. " to '" .. method .. "' (string expected, got " .. type(value) .. ")", 3)
end
shim.text = text

local function number(value, position, method)
  local converted = tonumber(value)
  if converted == nil or converted ~= converted then
    error("bad argument #" .. position .. " to '" .. method .. "' (number expected, got " .. tostring(value) .. ")", 3)
  end
  return floor(converted)
end
shim.number = number

-- `pairs` of a Lua that does not ask `__pairs` is made to ask, for the objects of the handle only.
local asks_pairs = false
pairs(setmetatable({}, { __pairs = function() asks_pairs = true return next, {}, nil end }))
local iterations = setmetatable({}, { __mode = "k" })
local function object_pairs(of)
  local iterate = iterations[of]
  if iterate then return iterate(of) end
  return pairs(of)
end

-- What a `for` takes to go through a list of pairs.
function shim.iterate(list)
  local at = 0
  return function()
    at = at + 1
    if list[at] then return list[at][1], list[at][2] end
  end
end

-- A metatable that scripts can neither see nor change.
function shim.class(methods, iterate)
  return {
    __index = methods,
    __metatable = false,
    __newindex = function() error("an object of the stream handle cannot be written to", 2) end,
    __pairs = iterate,
  }
end

-- An object of a class that may be iterated, with what it keeps. Where `pairs` asks `__pairs`, `setmetatable` does.
function shim.object(class, kept)
  local object = setmetatable({ kept }, class)
  if class.__pairs and not asks_pairs then iterations[object] = class.__pairs end
  return object
end

local function constant(methods, iterate)
  return shim.object(shim.class(methods, iterate))
end

local nothing = constant({ get = function() return nil end }, function() return function() return nil end end)
local connection = constant({ ssl = function() return nil end })

local metadata_class = shim.class({
  get = function(self, filter) return rawget(self, 1)[filter] end,
  set = function(self, filter, key, value)
    local all = rawget(self, 1)
    all[filter] = all[filter] or {}
    all[filter][key] = value
  end,
}, function(self) return pairs(rawget(self, 1)) end)

local stream_info_class = shim.class({
  protocol = function() return "HTTP/1.1" end,
  routeName = function() return "tollgate" end,
  dynamicMetadata = function(self)
    return shim.object(metadata_class, shim.metadata_of(rawget(self, 1)))
  end,
})

local function logger(method, level)
  return function(_, message)
    shim.log(level, text(message, 1, method))
  end
end

local function respond(handle, headers, content)
  if type(headers) ~= "table" then
    error("bad argument #1 to 'respond' (table expected, got " .. type(headers) .. ")", 2)
  end
  local status = tonumber(headers[":status"])
  if status == nil or status < 200 or status >= 600 then
    error(":status must be between 200 and 599", 2)
  end
  local list = {}
  for name, values in pairs(headers) do
    if name ~= ":status" then
      for _, value in pairs(type(values) == "table" and values or { values }) do
        list[#list + 1] = { text(name, 1, "respond"), text(value, 1, "respond") }
      end
    end
  end
  shim.answer(handle, floor(status), list, content == nil and "" or text(content, 2, "respond"))
end

-- Methods of a handle that are the same everywhere; a gateway adds `headers` and `body`, and for responses takes away
-- `respond`.
function shim.methods()
  return {
    respond = respond,
    logTrace = logger("logTrace", "trace"),
    logDebug = logger("logDebug", "debug"),
    logInfo = logger("logInfo", "info"),
    logWarn = logger("logWarn", "warn"),
    logErr = logger("logErr", "error"),
    logCritical = logger("logCritical", "critical"),
    trailers = function() return nil end,
    metadata = function() return nothing end,
    connection = function() return connection end,
    streamInfo = function(handle) return setmetatable({ handle }, stream_info_class) end,
    timestamp = function() return shim.time_ms() end,
    clearRouteCache = function() end,
    bodyChunks = function(handle)
      local chunk = handle:body()
      return function()
        local this = chunk
        chunk = nil
        return this
      end
    end,
    httpCall = function()
      error("handle:httpCall has nothing to call on this gateway; run the script with `--gateway envoy`", 2)
    end,
  }
end

-- A body: `set` takes its new bytes, or raises an error where that cannot be done.
local body_class = shim.class({
  length = function(self) return #rawget(self, 1) end,
  getBytes = function(self, index, length)
    index, length = number(index, 1, "getBytes"), number(length, 2, "getBytes")
    local bytes = rawget(self, 1)
    if index < 0 or length < 0 or index + length > #bytes then
      error("index/length must be >= 0 and (index + length) must be <= buffer size", 2)
    end
    return bytes:sub(index + 1, index + length)
  end,
  setBytes = function(self, bytes)
    bytes = text(bytes, 1, "setBytes")
    rawget(self, 2)(bytes)
    rawset(self, 1, bytes)
    return #bytes
  end,
})

function shim.body(bytes, set)
  return setmetatable({ bytes, set }, body_class)
end

-- What a script finds in Envoy and may have: no files, no processes, no FFI, no gateway's own functions. Each arm has
-- copies, so that no script changes another's.
local function environment()
  local function copy(library, names)
    local copied = {}
    for name, member in pairs(library) do
      if names == nil or names[name] then copied[name] = member end
    end
    return copied
  end
  local globals = copy(_G, {
    assert = true, error = true, getmetatable = true, ipairs = true, next = true, pairs = true, pcall = true,
    rawequal = true, rawget = true, rawlen = true, rawset = true, select = true, setmetatable = true, tonumber = true,
    tostring = true, type = true, unpack = true, xpcall = true, _VERSION = true, collectgarbage = true,
  })
  globals._G = globals
  for _, name in ipairs({ "string", "table", "math", "coroutine", "bit", "bit32", "utf8" }) do
    if _G[name] then globals[name] = copy(_G[name]) end
  end
  globals.string.dump = nil
  globals.os = copy(os, { date = true, time = true, clock = true, difftime = true })
  -- Envoy's Lua is 5.1: what later ones have moved is where its scripts look for it.
  globals.unpack = globals.unpack or table.unpack
  if not asks_pairs then globals.pairs = object_pairs end
  globals.load = function(chunk, name, _, env)
    return load(chunk, name, "t", env == nil and globals or env)
  end
  globals.loadstring = function(chunk, name) return load(chunk, name, "t", globals) end
  globals.print = function(...)
    local parts = {}
    for index = 1, select("#", ...) do parts[index] = tostring((select(index, ...))) end
    shim.log("info", concat(parts, "\t"))
  end
  return globals
end

local arms = {}

-- Runs the script from top to bottom and gives what it defines, or nil and why it fails.
local function run(name, source)
  local globals = environment()
  local chunk, wrong = load(source, "=" .. name, "t", globals)
  if chunk == nil then return nil, nil, wrong end
  local ok, raised = pcall(chunk)
  if not ok then return nil, nil, tostring(raised) end
  local function defined(function_name)
    local value = rawget(globals, function_name)
    return type(value) == "function" and value or nil
  end
  return defined("envoy_on_request"), defined("envoy_on_response")
end

function shim.arm(number_of, name, source)
  local arm = { number = number_of, entered = 0, runs = 0, entered_response = 0, runs_response = 0 }
  arms[#arms + 1] = arm
  if source == nil then return end
  local on_request, on_response, refusal = run(name, source)
  arm.script, arm.refusal = true, refusal
  arm.on_request, arm.on_response = on_request ~= nil, on_response ~= nil
  if refusal ~= nil then
    on_request = function() error(refusal, 0) end
  end
  -- A gateway that does not know yet what the script defines calls it with requests in any case.
  shim.serve(arm, on_request or function() end, on_response)
end

local function quoted(value)
  if value == nil then return "null" end
  local escape = function(char) return format("\\u%04x", byte(char)) end
  return '"' .. gsub(value, '[%c"\\\127-\255]', escape) .. '"'
end

local function counted(value)
  return value == nil and "null" or format("%d", value)
end

function shim.report()
  local parts = {}
  for index, arm in ipairs(arms) do
    local errors = arm.entered - arm.runs + arm.entered_response - arm.runs_response
    parts[index] = format(
      '{"arm":%d,"script":%s,"on_request":%s,"on_response":%s,"refusal":%s,"requests":%s,"runs":%d,"errors":%d}',
      arm.number, tostring(arm.script or false), tostring(arm.on_request or false), tostring(arm.on_response or false),
      quoted(arm.refusal), counted(shim.requests(arm)), arm.on_request and arm.runs or arm.runs_response, errors
    )
  end
  return '{"total":' .. counted(shim.total()) .. ',"arms":[' .. concat(parts, ",") .. "]}"
end

return shim
