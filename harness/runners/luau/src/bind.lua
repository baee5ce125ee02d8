-- What scripts for Envoy's Lua expect and Luau does differently, before the prelude looks for it. Not the script's
-- `loadstring`, which raises its errors: it comes from the runner, and takes text only.
local functions, loadstring = ...

local type, pcall, tostring, select, setfenv = type, pcall, tostring, select, setfenv
local raw_pairs, setmetatable, concat = pairs, setmetatable, table.concat

load = function(chunk, name, _, ...)
  if type(chunk) == "function" then
    local pieces = {}
    repeat
      local piece = chunk()
      pieces[#pieces + 1] = piece
    until piece == nil or piece == ""
    chunk = concat(pieces)
  end
  local is_loaded, loaded = pcall(loadstring, chunk, name)
  if not is_loaded then
    return nil, tostring(loaded)
  end
  if select("#", ...) > 0 then
    setfenv(loaded, (...))
  end
  return loaded
end

-- `pairs` does not ask `__pairs` here.
local iterators = setmetatable({}, { __mode = "k" })

pairs = function(value)
  local iterate = iterators[value]
  if iterate then
    return iterate(value)
  end
  return raw_pairs(value)
end

functions.iterates = function(object, iterate)
  iterators[object] = iterate
end

return function()
  return functions
end
