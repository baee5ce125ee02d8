-- Checks the stream handle from inside; what is left of the canary header says that all of it held.
local function is(found, expected, what)
  if found ~= expected then
    error(what .. " is " .. tostring(found) .. " in place of " .. tostring(expected), 2)
  end
end

global_of_the_script = "kept"

function envoy_on_request(handle)
  is(global_of_the_script, "kept", "a global")
  local headers = handle:headers()
  is(headers:get(":method"), "GET", ":method")
  is(headers:get(":path"), "/v1/orders/42?expand=items", ":path")
  is(headers:get(":authority"), "shop.example", ":authority")
  is(headers:get("Accept-Language"), "en-GB,en;q=0.5", "a header in another case")
  is(headers:get("x-none"), nil, "a header that is not there")

  headers:add("x-several", "1")
  headers:add("X-Several", "2")
  is(headers:getNumValues("x-several"), 2, "getNumValues")
  is(headers:getAtIndex("x-several", 1), "2", "getAtIndex")
  is(headers:getAtIndex("x-several", 2), nil, "getAtIndex behind the end")
  local seen = {}
  for name, value in pairs(headers) do
    seen[#seen + 1] = name:lower() .. "=" .. value
  end
  seen = "\n" .. table.concat(seen, "\n") .. "\n"
  for _, field in ipairs({ "x-several=1", "x-several=2", ":method=GET", "x-forwarded-proto=https" }) do
    is(seen:find("\n" .. field .. "\n", 1, true) ~= nil, true, "pairs, which has " .. field .. " among " .. seen)
  end
  headers:replace("x-several", 3)
  is(headers:getNumValues("x-several"), 1, "getNumValues of what was replaced")
  is(headers:get("x-several"), "3", "a number as a value")
  headers:remove("x-several")
  is(headers:get("x-several"), nil, "what was removed")
  is(pcall(headers.replace, headers, {}, "x"), false, "a table for a name")

  handle:logInfo("a line")
  is(handle:metadata():get("x"), nil, "metadata")
  for _ in pairs(handle:metadata()) do
    error("metadata is not empty")
  end
  is(handle:streamInfo():protocol(), "HTTP/1.1", "protocol")
  is(handle:connection():ssl(), nil, "ssl")
  local metadata = handle:streamInfo():dynamicMetadata()
  is(metadata:get("filter"), nil, "metadata of another request")
  metadata:set("filter", "key", "value")
  is(handle:streamInfo():dynamicMetadata():get("filter").key, "value", "dynamic metadata")
  is(tonumber(handle:timestamp()) > 1.6e12, true, "timestamp in milliseconds")
  is(handle:body(), nil, "the body of a request without one")
  is(pcall(handle.httpCall, handle), false, "httpCall without arguments")
  headers:replace("fake_key_0", "as expected")
end
