-- Envoy's stream handle in nginx's own calls. An arm's handle and its headers are made once: the functions of `ngx` know which request they are called in, and a script can call none that lets another request in between.
--
-- `get` reads a variable (`$http_NAME`): reading all headers into a table, the other way that nginx has, takes three times
-- as long. Of a header that is there several times, nginx before 1.23 gives the first value there, later ones all.
-- `getAtIndex`, `getNumValues` and `pairs` see all of them everywhere.
local shim = ...
local ngx = ngx
local text, number, req = shim.text, shim.number, ngx.req
local var, set_header, clear_header = ngx.var, req.set_header, req.clear_header
local type, tostring, error, rawget, pairs, byte = type, tostring, error, rawget, pairs, string.byte
local COLON = byte(":")

-- Variables by names of headers. Beginning anew keeps a script that makes up names from filling the memory.
local PSEUDO = { [":path"] = "request_uri", [":method"] = "request_method", [":authority"] = "http_host", [":scheme"] = "scheme" }
local variables, known = {}, 0
local function variable(name, method)
  name = text(name, 1, method)
  if PSEUDO[name] then return PSEUDO[name] end
  if known == 4096 then variables, known = {}, 0 end
  known = known + 1
  variables[name] = "http_" .. name:lower():gsub("-", "_")
  return variables[name]
end

-- All values of a header, in a list.
local function values_of(found)
  if found == nil then return {} end
  return type(found) == "table" and found or { found }
end

local function each(fields, pseudo)
  local list = {}
  for _, name in pairs(pseudo) do list[#list + 1] = { name, var[PSEUDO[name]] } end
  for name, values in pairs(fields) do
    for _, value in pairs(values_of(values)) do list[#list + 1] = { name, value } end
  end
  return shim.iterate(list)
end

local function set_pseudo(name, value)
  if name == ":authority" then
    set_header("host", value)
  elseif name == ":path" then
    local path, query = value:match("^([^?]*)%??(.*)$")
    req.set_uri(path)
    req.set_uri_args(query)
  elseif name == ":method" and ngx["HTTP_" .. value] then
    req.set_method(ngx["HTTP_" .. value])
  else
    error("nginx cannot set `" .. name .. "` to `" .. value .. "`", 3)
  end
end

local request_headers = {}

function request_headers.get(_, name)
  return var[variables[name] or variable(name, "get")]
end

function request_headers.replace(_, name, value)
  if type(name) ~= "string" then name = text(name, 1, "replace") end
  if type(value) ~= "string" then value = text(value, 2, "replace") end
  if byte(name) == COLON then return set_pseudo(name, value) end
  set_header(name, value)
end

function request_headers.remove(_, name)
  if type(name) ~= "string" then name = text(name, 1, "remove") end
  clear_header(name)
end

function request_headers.add(_, name, value)
  name, value = text(name, 1, "add"), text(value, 2, "add")
  local values = values_of(req.get_headers(0)[name])
  values[#values + 1] = value
  set_header(name, values)
end

function request_headers.getAtIndex(_, name, index)
  local values = values_of(req.get_headers(0)[text(name, 1, "getAtIndex")])
  return values[number(index, 2, "getAtIndex") + 1]
end

function request_headers.getNumValues(_, name)
  return #values_of(req.get_headers(0)[text(name, 1, "getNumValues")])
end

local response_headers = { setHttp1ReasonPhrase = function() end }
local header = ngx.header

function response_headers.get(_, name)
  if type(name) ~= "string" then name = text(name, 1, "get") end
  if byte(name) == COLON then return name == ":status" and tostring(ngx.status) or nil end
  local value = header[name]
  if type(value) == "table" then return table.concat(value, ",") end
  return value
end

function response_headers.replace(_, name, value)
  if type(name) ~= "string" then name = text(name, 1, "replace") end
  if type(value) ~= "string" then value = text(value, 2, "replace") end
  if name == ":status" then
    ngx.status = number(value, 2, "replace")
  else
    header[name] = value
  end
end

function response_headers.remove(_, name)
  if type(name) ~= "string" then name = text(name, 1, "remove") end
  header[name] = nil
end

function response_headers.add(_, name, value)
  name, value = text(name, 1, "add"), text(value, 2, "add")
  local values = values_of(header[name])
  values[#values + 1] = value
  header[name] = values
end

function response_headers.getAtIndex(_, name, index)
  return values_of(header[text(name, 1, "getAtIndex")])[number(index, 2, "getAtIndex") + 1]
end

function response_headers.getNumValues(_, name)
  return #values_of(header[text(name, 1, "getNumValues")])
end

local function handle_methods(methods_of_headers, iterate, body)
  local headers = shim.object(shim.class(methods_of_headers, iterate))
  local methods = shim.methods()
  methods.headers = function() return headers end
  methods.body = body
  return methods
end

local request = handle_methods(request_headers, function()
  return each(req.get_headers(0), { ":authority", ":path", ":method", ":scheme" })
end, function(_, always)
  req.read_body()
  local bytes = req.get_body_data()
  if bytes or always then return shim.body(bytes or "", req.set_body_data) end
end)

local response = handle_methods(response_headers, function()
  local fields = ngx.resp.get_headers(0)
  fields[":status"] = tostring(ngx.status)
  return each(fields, {})
end, function()
  error("nginx calls envoy_on_response before there is a body; run the script with `--gateway envoy`", 2)
end)
response.respond = function()
  error("nginx has begun to answer when it calls envoy_on_response; respond in envoy_on_request", 2)
end

local LEVELS = {
  trace = ngx.DEBUG, debug = ngx.DEBUG, info = ngx.INFO, warn = ngx.WARN, error = ngx.ERR, critical = ngx.CRIT,
}
function shim.log(level, message) ngx.log(LEVELS[level], message) end
function shim.time_ms() return math.floor(ngx.now() * 1000) end

function shim.metadata_of()
  local context = ngx.ctx
  context.metadata = context.metadata or {}
  return context.metadata
end

function shim.answer(handle, status, headers, content)
  ngx.status = status
  for _, field in pairs(headers) do
    local values = values_of(header[field[1]])
    values[#values + 1] = field[2]
    header[field[1]] = values
  end
  header["content-length"] = #content
  ngx.send_headers()
  if content ~= "" then ngx.print(content) end
  local arm = rawget(handle, 1)
  arm.runs = arm.runs + 1
  ngx.exit(ngx.HTTP_OK)
end

-- By the numbers of arms, for the directives of the configuration.
tollgate_request, tollgate_response = {}, {}
local request_class, response_class = shim.class(request), shim.class(response)

function shim.serve(arm, on_request, on_response)
  local request_handle, response_handle = shim.object(request_class, arm), shim.object(response_class, arm)
  tollgate_request[arm.number] = function()
    arm.entered = arm.entered + 1
    on_request(request_handle)
    arm.runs = arm.runs + 1
  end
  if on_response then
    tollgate_response[arm.number] = function()
      arm.entered_response = arm.entered_response + 1
      on_response(response_handle)
      arm.runs_response = arm.runs_response + 1
    end
  end
end

-- `add_header` comes after every script, so where scripts are to see the canary in the response it is put there from here.
function tollgate_echo()
  local canary = var.http_fake_key_0
  if canary then header["fake_key_0"] = canary end
end

-- nginx counts requests of all listeners together, those for reports as well.
local reports, total = 0, nil
function shim.requests(arm)
  if arm.script then return arm.on_request and arm.entered or arm.entered_response end
end
function shim.total() return total end

function tollgate_report()
  reports = reports + 1
  local status = ngx.location.capture("/status")
  local _, _, requests = status.body:match("(%d+) (%d+) (%d+)")
  total = requests - reports
  ngx.print(shim.report())
end
