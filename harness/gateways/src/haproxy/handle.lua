-- Envoy's stream handle in HAProxy's own calls. HAProxy may let another request in after some ten thousand instructions,
-- so a handle is made for each request; it is one small table, as are its headers.
--
-- `get` fetches `req.fhdr` or `res.fhdr`: reading all headers into tables, the other way that HAProxy has, takes many times
-- as long. Of a header that is there several times it gives the last value; `getAtIndex`, `getNumValues` and `pairs` see all
-- of them.
local shim = ...
local core, act = core, act
local text, number = shim.text, shim.number
local type, setmetatable, rawget, rawset, pairs, error = type, setmetatable, rawget, rawset, pairs, error

local PSEUDO = {
  [":authority"] = function(fetches) return fetches:req_fhdr("host") end,
  [":path"] = function(fetches) return fetches:pathq() end,
  [":method"] = function(fetches) return fetches:method() end,
  [":scheme"] = function() return "http" end,
}
local SET_PSEUDO = {
  [":authority"] = function(http, value) http:req_set_header("host", value) end,
  [":path"] = function(http, value) http:req_set_uri(value) end,
  [":method"] = function(http, value) http:req_set_method(value) end,
}

-- A headers object keeps HAProxy's `http` and `f` of the request.
local headers = {}

function headers.get(self, name)
  local pseudo = PSEUDO[name]
  if pseudo then return pseudo(self[2]) end
  return self[2]:req_fhdr(name)
end

function headers.replace(self, name, value)
  local pseudo = PSEUDO[name]
  if pseudo then
    if not SET_PSEUDO[name] then error("HAProxy cannot set `" .. name .. "`", 2) end
    return SET_PSEUDO[name](self[1], text(value, 2, "replace"))
  end
  self[1]:req_set_header(name, value)
end

function headers.remove(self, name)
  self[1]:req_del_header(name)
end

function headers.add(self, name, value)
  self[1]:req_add_header(name, value)
end

local RESPONSE_PSEUDO = {
  [":status"] = function(fetches) return text(fetches:status()) end,
}
local SET_RESPONSE_PSEUDO = {
  [":status"] = function(http, value) http:res_set_status(number(value, 2, "replace")) end,
}

-- HAProxy has settled how the body is framed when it asks a script, and would go on to send it so.
local FRAMING = {
  ["content-length"] = true, ["Content-Length"] = true, ["transfer-encoding"] = true, ["Transfer-Encoding"] = true,
}
local function refuse_framing(name)
  error("HAProxy lets no script change `" .. name .. "` of a response; run it with `--gateway envoy`", 3)
end

local response_headers = { setHttp1ReasonPhrase = function() end }

function response_headers.get(self, name)
  local pseudo = RESPONSE_PSEUDO[name]
  if pseudo then return pseudo(self[2]) end
  return self[2]:res_fhdr(name)
end

function response_headers.replace(self, name, value)
  local pseudo = SET_RESPONSE_PSEUDO[name]
  if pseudo then return pseudo(self[1], text(value, 2, "replace")) end
  if FRAMING[name] then refuse_framing(name) end
  self[1]:res_set_header(name, value)
end

function response_headers.remove(self, name)
  if FRAMING[name] then refuse_framing(name) end
  self[1]:res_del_header(name)
end

function response_headers.add(self, name, value)
  self[1]:res_add_header(name, value)
end

-- The class of a message's headers: with the methods that need all of them, which `all` gives. HAProxy numbers values of a
-- header from 0.
local function headers_class(headers, pseudo_of, all)
  local function values_of(self, name, method)
    return all(self[1])[text(name, 1, method):lower()] or {}
  end

  function headers.getAtIndex(self, name, index)
    return values_of(self, name, "getAtIndex")[number(index, 2, "getAtIndex")]
  end

  function headers.getNumValues(self, name)
    local values = values_of(self, name, "getNumValues")
    return values[0] and #values + 1 or 0
  end

  return shim.class(headers, function(self)
    local list = {}
    for name, get in pairs(pseudo_of) do list[#list + 1] = { name, get(self[2]) } end
    for name, values in pairs(all(self[1])) do
      for index = 0, #values do list[#list + 1] = { name, values[index] } end
    end
    return shim.iterate(list)
  end)
end

local request_headers_class = headers_class(headers, PSEUDO, function(http) return http:req_get_headers() end)
local response_headers_class = headers_class(response_headers, RESPONSE_PSEUDO, function(http) return http:res_get_headers() end)

-- A handle keeps HAProxy's transaction, the arm, and metadata once there is any.
local request = shim.methods()

function request.headers(self)
  local txn = self[1]
  return setmetatable({ txn.http, txn.f }, request_headers_class)
end

function request.body(self, always)
  local bytes = self[1].f:req_body()
  if bytes == "" then bytes = nil end
  if bytes == nil and not always then return nil end
  return shim.body(bytes or "", function()
    error("HAProxy lets no action change a body; run the script with `--gateway envoy`", 3)
  end)
end

local request_class = shim.class(request)

local response = shim.methods()

function response.headers(self)
  local txn = self[1]
  return setmetatable({ txn.http, txn.f }, response_headers_class)
end

function response.body()
  error("HAProxy shows no script the body of a response; run the script with `--gateway envoy`", 2)
end

function response.respond()
  error("HAProxy has begun to answer when it calls envoy_on_response; respond in envoy_on_request", 2)
end

local response_class = shim.class(response)

function shim.log(level, message)
  -- HAProxy has no threshold of its own for what scripts say, and the other gateways show errors only.
  if level == "error" then
    core.log(core.err, message)
  elseif level == "critical" then
    core.log(core.crit, message)
  end
end

function shim.time_ms()
  local now = core.now()
  return now.sec * 1000 + now.usec // 1000
end

function shim.metadata_of(handle)
  local metadata = rawget(handle, 3)
  if metadata == nil then
    metadata = {}
    rawset(handle, 3, metadata)
  end
  return metadata
end

function shim.answer(handle, status, fields, content)
  local txn, arm = handle[1], handle[2]
  local reply = txn:reply({ status = status, body = content })
  for _, field in ipairs(fields) do reply:add_header(field[1], field[2]) end
  arm.runs = arm.runs + 1
  txn:done(reply)
end

local STOP = act.STOP

local function name_of(arm)
  return "arm_" .. arm.number
end

-- What comes after the action in the configuration is the answer to a script that fails or is ended; STOP passes over it.
-- A fetch that fails gives no value, which the configuration asks for.
function shim.serve(arm, on_request, on_response)
  core.register_action(name_of(arm), { "http-req" }, function(txn)
    arm.entered = arm.entered + 1
    on_request(setmetatable({ txn, arm }, request_class))
    arm.runs = arm.runs + 1
    return STOP
  end)
  if on_response then
    core.register_fetches(name_of(arm), function(txn)
      arm.entered_response = arm.entered_response + 1
      on_response(setmetatable({ txn, arm }, response_class))
      arm.runs_response = arm.runs_response + 1
      return true
    end)
  end
end

function shim.requests(arm)
  return core.frontends[name_of(arm)]:get_stats().req_tot
end

function shim.total() return nil end

core.register_service("tollgate_report", "http", function(applet)
  local report = shim.report()
  applet:set_status(200)
  applet:add_header("content-length", #report)
  applet:start_response()
  applet:send(report)
end)
