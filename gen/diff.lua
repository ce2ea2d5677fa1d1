-- diff: what makes one text of another, as a unified diff. The shortest way is looked for (E. Myers, "An O(ND) Difference
-- Algorithm and Its Variations", 1986) up to a limit; texts that have less in common are shown as taken out and put in.

local M = {}

local CONTEXT = 3 -- lines around a change
local DISTANCE = 400 -- lines taken out and put in, up to which the shortest way is looked for

local function split(text)
  local lines = {}
  for line in text:gmatch("[^\n]*\n?") do
    if line ~= "" then
      table.insert(lines, line)
    end
  end
  return lines
end

-- For d = 0, 1, … the furthest line of `a` on each diagonal that d steps reach. nil when the limit is passed.
local function reach(a, b, first, last_a, last_b)
  local n, m = last_a - first + 1, last_b - first + 1
  local furthest, trace = { [1] = 0 }, {}
  for d = 0, math.min(DISTANCE, n + m) do
    for k = -d, d, 2 do
      local down = k == -d or (k ~= d and furthest[k - 1] < furthest[k + 1])
      local x = down and furthest[k + 1] or furthest[k - 1] + 1
      while x < n and x - k < m and a[first + x] == b[first + x - k] do
        x = x + 1
      end
      furthest[k] = x
      if x >= n and x - k >= m then
        return trace, d
      end
    end
    local copy = {}
    for k = -d, d, 2 do
      copy[k] = furthest[k]
    end
    trace[d] = copy
  end
end

-- Walks the way back; marks the lines that were taken out and put in.
local function mark(trace, d, n, m, first, out, put)
  local x, y = n, m
  while d > 0 do
    local k, before = x - y, trace[d - 1]
    local left, right = before[k - 1], before[k + 1]
    local down = k == -d or (k ~= d and left < right)
    local old_k = down and k + 1 or k - 1
    local old_x = down and right or left
    if down then
      put[first + old_x - old_k] = true
    else
      out[first + old_x] = true
    end
    x, y, d = old_x, old_x - old_k, d - 1
  end
end

-- Which lines of `a` go and which of `b` come, as sets of line numbers.
local function compare(a, b)
  local first, last_a, last_b = 1, #a, #b
  while first <= last_a and first <= last_b and a[first] == b[first] do
    first = first + 1
  end
  while last_a >= first and last_b >= first and a[last_a] == b[last_b] do
    last_a, last_b = last_a - 1, last_b - 1
  end
  local out, put = {}, {}
  local trace, d = reach(a, b, first, last_a, last_b)
  if trace then
    mark(trace, d, last_a - first + 1, last_b - first + 1, first, out, put)
  else
    for i = first, last_a do
      out[i] = true
    end
    for i = first, last_b do
      put[i] = true
    end
  end
  return out, put
end

-- The steps from a to b: { sign, line, number in a, number in b }.
local function steps_of(a, b)
  local out, put = compare(a, b)
  local steps, i, j = {}, 1, 1
  while i <= #a or j <= #b do
    if out[i] then
      table.insert(steps, { "-", a[i], i, j })
      i = i + 1
    elseif put[j] then
      table.insert(steps, { "+", b[j], i, j })
      j = j + 1
    else
      table.insert(steps, { " ", a[i], i, j })
      i, j = i + 1, j + 1
    end
  end
  return steps
end

local function range(from, count)
  if count == 1 then
    return tostring(from)
  end
  return ("%d,%d"):format(count == 0 and from - 1 or from, count)
end

local function add_hunk(parts, steps, from, to)
  local old, new, lines = 0, 0, {}
  for i = from, to do
    local sign, line = steps[i][1], steps[i][2]
    old = old + (sign ~= "+" and 1 or 0)
    new = new + (sign ~= "-" and 1 or 0)
    table.insert(lines, sign .. line .. (line:sub(-1) == "\n" and "" or "\n\\ No newline at end of file\n"))
  end
  table.insert(parts, ("@@ -%s +%s @@\n"):format(range(steps[from][3], old), range(steps[from][4], new)))
  table.insert(parts, table.concat(lines))
end

--- The unified diff of two texts; "" when they are the same.
---@param old string
---@param new string
---@param old_name string
---@param new_name string
---@return string
function M.unified(old, new, old_name, new_name)
  if old == new then
    return ""
  end
  local steps = steps_of(split(old), split(new))
  local parts = { ("--- %s\n+++ %s\n"):format(old_name, new_name) }
  local from, last -- of the hunk: its first step, its last change
  for i, step in ipairs(steps) do
    if step[1] ~= " " then
      if last and i - last > 2 * CONTEXT then
        add_hunk(parts, steps, from, last + CONTEXT)
        from = nil
      end
      from, last = from or math.max(1, i - CONTEXT), i
    end
  end
  add_hunk(parts, steps, from, math.min(#steps, last + CONTEXT))
  return table.concat(parts)
end

return M
