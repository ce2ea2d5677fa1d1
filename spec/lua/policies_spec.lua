-- require "policies": who answers when a platform service asks, and what a failure becomes.

local binding = require "policies.binding"
local known = require "policies.known"
local log = require "log"
local request = require "request"
local task = require "task"
local time = require "time"

-- ---- what stands in for a service's files ----

local function shipped()
  return {
    register = function(account)
      return account.fine or nil, not account.fine and "the default says no" or nil
    end,
    check = function(instance)
      return { kind = "tcp", path = instance.path }
    end,
  }
end

-- The policies of a registry whose files return these tables.
local function bound(user, default)
  local modules = { policy = default or shipped(), ["policies.registry"] = user }
  return binding.bind("registry", function(name)
    return modules[name] or error(("module '%s' must return a table, it returned nothing"):format(name), 0)
  end, user ~= nil)
end

local lines, counted -- that were logged, and counted, meanwhile

local real_error, real_count = log.error, request.policy_failed

local function listen()
  lines, counted = {}, {}
  log.error = function(message, fields)
    table.insert(lines, { message = message, fields = fields })
  end
  request.policy_failed = function(policy, code)
    table.insert(counted, policy .. " " .. code)
  end
end

local function leave()
  log.error, request.policy_failed = real_error, real_count
  require("shared").del_prefix("policies:")
end

before_each(listen)
after_each(leave)

-- ---- who answers ----

describe("a policy", function()
  it("is the shipped function when the user defines none, called directly", function()
    local here
    local policies = bound(nil, {
      check = shipped().check,
      register = function(...)
        here = coroutine.running()
        return ...
      end,
    })
    assert.same({ 1, nil, 3, n = 3 }, table.pack(policies.ask("register", 1, nil, 3)))
    assert.equal(coroutine.running(), here)
    assert.same({}, policies.user)
  end)

  it("is the user's function when there is one, and the rest is inherited", function()
    local policies = bound {
      register = function(account, instance)
        return account.slug == "ada" and instance.url == "u"
      end,
    }
    assert.is_true(policies.ask("register", { slug = "ada" }, { url = "u" }))
    assert.same({ kind = "tcp", path = "/x" }, policies.ask("check", { path = "/x" }))
    assert.is_function(policies.user.register)
    assert.is_nil(policies.user.check)
  end)

  it("may change the shipped table and return that", function()
    local default = shipped()
    local before = default.register
    local user = default
    local modules = { policy = default }
    local policies = binding.bind("registry", function(name)
      if name == "policy" then
        return modules.policy
      end
      user.register = function(account)
        return before(account) or account.slug == "bob"
      end
      return user
    end, true)
    assert.is_true(policies.ask("register", { slug = "bob" }))
    assert.is_nil(policies.user.check)
  end)

  it("of the user's cannot change what it is asked about", function()
    local account, instance = { slug = "ada", roles = { "one" } }, { url = "u" }
    local policies = bound {
      register = function(a, i)
        table.insert(a.roles, "two")
        a.slug, i.url = nil, 5
        return a.roles[1] == "one"
      end,
      check = function(i)
        i.path = "/mine"
        error("boom")
      end,
    }
    assert.is_true(policies.ask("register", account, instance))
    assert.same({ slug = "ada", roles = { "one" } }, account)
    assert.same({ url = "u" }, instance)
    assert.equal("/x", policies.ask("check", { path = "/x" }).path)
  end)

  it("may wait", function()
    local policies = bound {
      register = function()
        time.sleep(0.002)
        return true
      end,
    }
    assert.is_true(policies.ask "register")
  end)

  it("that is optional and not defined answers nothing", function()
    assert.equal(0, select("#", bound().ask("choose", {}, {})))
  end)

  it("that is unknown is a mistake of who asks", function()
    assert.has_error(function()
      bound().ask "chose"
    end, "there is no policy registry.chose")
  end)

  it("says where it is written", function()
    local mine = function() end
    local policies = bound { check = mine }
    local file, line = policies.source "check"
    assert.matches("policies_spec%.lua$", file)
    assert.equal(require("files").where(mine) and line, line)
    assert.is_nil(policies.source "choose")
    local list = policies.list()
    local names = ("%s %s %s"):format(list[1].name, list[2].name, list[3].name)
    assert.equal("registry.check registry.choose registry.register", names)
    assert.is_false(list[1].shipped)
    assert.is_nil(list[2].file)
    assert.is_true(list[3].shipped)
  end)
end)

-- ---- files that are refused ----

describe("a policy file", function()
  it("with a name that is not known is refused with the nearest one, and the line", function()
    local _, why = pcall(bound, { registr = function() end })
    local line = debug.getinfo(1, "l").currentline - 1
    assert.contains(("policies_spec.lua:%d: there is no policy 'registr'; did you mean 'register'?"):format(line), why)
  end)

  it("with a name that is near to none is refused with all that there are", function()
    local _, why = pcall(bound, { password = function() end })
    assert.contains("there is no policy 'password' of registry; there are check, choose, register", why)
  end)

  it("tells everything that is wrong at once", function()
    local ok, why = pcall(bound, { chek = function() end, register = 42 })
    assert.is_false(ok)
    assert.contains("did you mean 'check'?", why)
    assert.contains("policies/registry.lua: register is a number; a policy is a function: keep other values in locals", why)
  end)

  it("that returns no table is told what to return", function()
    assert.has_error(function()
      binding.bind("registry", function(name)
        return name == "policy" and shipped()
          or error("module 'policies.registry' must return a table, it returned nothing", 0)
      end, true)
    end, "policies/registry.lua returns nothing: end it with `return { check = function(...) ... end }`")
  end)

  it("of the platform that lacks what is asked is refused", function()
    assert.has_error(function()
      bound(nil, { register = function() end })
    end, "services/registry/policy.lua has no function check: the service asks it")
  end)

  it("fits a service that asks policies only", function()
    assert.contains("services/metrics asks no policies", select(2, pcall(binding.bind, "metrics", require, false)))
  end)
end)

-- ---- failures ----

local BROKEN = {
  ["raises"] = { "error", function()
    error "boom"
  end },
  ["answers a number"] = { "answer", function()
    return 42
  end },
  ["answers a text"] = { "answer", function()
    return "yes"
  end },
  ["denies with a table"] = { "answer", function()
    return nil, {}
  end },
}

for what, case in pairs(BROKEN) do
  describe("a deciding policy that " .. what, function()
    it("denies, and is counted and reported once", function()
      local policies = bound { register = case[2] }
      for _ = 1, 3 do
        local allowed, why = policies.ask("register", { fine = true })
        assert.is_nil(allowed)
        assert.equal("the policy registry.register failed", why)
      end
      assert.same({ case[1], 3 }, { counted[1]:match(" (.*)$"), #counted })
      assert.equal(1, #lines)
      local fields = lines[1].fields
      assert.equal("registry.register", fields.policy)
      assert.equal(case[1], fields.code)
      assert.equal("denied", fields.result)
      assert.matches("policies_spec%.lua:%d+$", fields.at)
    end)
  end)
end

describe("a tuning policy that fails", function()
  it("is answered for by the default, and is reported", function()
    for _, broken in ipairs {
      function()
        error "boom"
      end,
      function()
        return "tcp"
      end,
      function()
        return { "tcp" }
      end,
    } do
      assert.same({ kind = "tcp", path = "/up" }, bound({ check = broken }).ask("check", { path = "/up" }))
    end
    assert.equal(3, #counted)
    assert.equal(1, #lines)
    assert.equal("the default answered", lines[1].fields.result)
    assert.contains("boom", lines[1].fields.error)
    assert.contains("stack traceback", lines[1].fields.traceback)
  end)

  it("answers nothing when there is no default", function()
    local policies = bound {
      choose = function()
        error "boom"
      end,
    }
    assert.equal(0, select("#", policies.ask("choose", {}, {})))
  end)
end)

describe("a report", function()
  it("tells how many failures it did not tell since the last one", function()
    local shared = require "shared"
    local policies = bound {
      register = function()
        return 1
      end,
    }
    for _ = 1, 4 do
      policies.ask "register"
    end
    assert.is_nil(lines[1].fields.not_told)
    local this = require("files").hash():sub(1, 12)
    shared.del("policies:told:registry.register:" .. this) -- the minute is over
    policies.ask "register"
    assert.equal(2, #lines)
    assert.equal(3, lines[2].fields.not_told)
  end)

  it("of one function does not keep another one silent", function()
    local policies = bound {
      register = function()
        return 1
      end,
      check = function()
        return 1
      end,
    }
    policies.ask "register"
    policies.ask("check", {})
    assert.equal(2, #lines)
  end)
end)

describe("a denial", function()
  it("without a reason gets one", function()
    local policies = bound {
      register = function()
        return false
      end,
    }
    local allowed, why = policies.ask "register"
    assert.is_nil(allowed)
    assert.equal("refused by the policy registry.register", why)
    assert.equal(0, #lines)
  end)

  it("may say more than why, such as when to try again", function()
    local policies = bound {
      register = function()
        return nil, "later", 30
      end,
    }
    assert.same({ nil, "later", 30 }, { policies.ask "register" })
  end)

  it("keeps its reason", function()
    local policies = bound {
      register = function()
        return nil, "not on Fridays"
      end,
    }
    assert.equal("not on Fridays", select(2, policies.ask "register"))
  end)
end)

describe("a policy that is stopped", function()
  it("ends with who asks", function()
    local closed = false
    local policies = bound {
      register = function()
        local _ <close> = setmetatable({}, { __close = function()
          closed = true
        end })
        time.sleep(86400)
      end,
    }
    local _, _, code = task.timeout(0.002, policies.ask, "register")
    assert.equal("timeout", code)
    assert.is_true(closed)
  end)
end)

-- ---- shapes of answers ----

local GOOD = {
  ["user.password"] = { { true }, { nil, "why" }, { false, "why" }, { false } },
  ["user.login"] = { { true }, { 0 }, { 1.5 }, { nil, "later" } },
  ["user.roles"] = { {}, { {} }, { { "a", "b" } } },
  ["user.claims"] = { {}, { {} }, { { team = "a" } } },
  ["registry.check"] = { { { kind = "tcp" } } },
}

local BAD = {
  ["user.password"] = { { 42 }, { {} }, { "yes" }, { nil, 7 }, { false, {} } },
  ["user.login"] = { { -1 }, { 1 / 0 }, { 0 / 0 }, { "3" }, { {} } },
  ["user.roles"] = { { "a" }, { { 1 } }, { { a = "b" } }, { { "a", x = "b" } }, { { {} } } },
  ["user.claims"] = { { "a" }, { { "a" } }, { 7 } },
  ["registry.check"] = { { "tcp" }, { { "tcp" } } },
}

local function wrong(name, answers)
  local folder, policy = name:match("^(.*)%.(.*)$")
  return known.rows[folder][policy].wrong(table.unpack(answers, 1, 2))
end

describe("an answer", function()
  it("is its fields: what hangs on its metatable never runs in the service", function()
    local trap = {}
    for _, name in ipairs { "__pairs", "__len", "__index", "__tostring" } do
      trap[name] = function()
        error "boom"
      end
    end
    local policies = bound {
      check = function()
        return setmetatable({ kind = "http" }, trap)
      end,
    }
    local check = policies.ask("check", {})
    assert.same({ "http" }, { check.kind, check.path })
    assert.is_nil(getmetatable(check))
    assert.equal(0, #counted)
    assert.is_string(wrong("registry.check", { { [setmetatable({}, trap)] = 1 } }))
  end)

  it("of the right shape is none to complain about", function()
    for name, cases in pairs(GOOD) do
      for _, answers in ipairs(cases) do
        assert.is_nil(wrong(name, answers))
      end
    end
  end)

  it("of a wrong shape is a failure that says what was expected", function()
    for name, cases in pairs(BAD) do
      for _, answers in ipairs(cases) do
        assert.is_string(wrong(name, answers), name)
      end
    end
  end)

  it("is not longer than a hundred entries", function()
    local list, map = {}, {}
    for i = 1, 101 do
      list[i], map["k" .. i] = "r", i
    end
    assert.contains("100 is the most", wrong("user.roles", { list }))
    assert.contains("100 is the most", wrong("user.claims", { map }))
  end)
end)
