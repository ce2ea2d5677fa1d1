---@meta cli
--
-- Generated from core/script/lib_cli.c by ./dev fmt; do not edit.

local cli = {}

--- The settings in force, as text or JSON, with more flags applied.
---@param json boolean
---@param ... string
---@return string?
---@return string?
---@return string?
function cli.config(json, ...) end

--- From the folder of the project, where commands about files work, to the one where the command was typed; nil
--- when it is the same.
---@return string?
function cli.came_from() end

--- The settings as Markdown tables.
---@return string
function cli.markdown() end

--- The home folder in force; one that is given takes its place from here on.
---@param folder? string
---@return string?
---@return string?
---@return string?
function cli.home(folder) end

--- Where a host with these settings is reached; empty when only it can know.
---@return string
function cli.self_url() end

--- Whether there is such a process.
---@param pid integer
---@return boolean
function cli.alive(pid) end

--- A line from the terminal that is not shown while typed; nil alone at the end of input.
---@param prompt string
---@return string?
---@return string?
---@return string?
function cli.ask_secret(prompt) end

--- Waits so long for a key on the terminal; nil when none came. Nothing else runs meanwhile.
---@param seconds number
---@return string?
function cli.key(seconds) end

--- Rows and columns of the terminal; nothing when standard output is none.
---@return integer?
---@return integer?
function cli.screen() end

--- The text with whatever would act on a terminal made visible (\x1b), and the columns that it takes. With lines,
--- line ends and tabs stay as they are.
---@param text string
---@param lines? boolean
---@return string
---@return integer
function cli.printable(text, lines) end

--- Whether a descriptor (1 unless told) is a terminal.
---@param fd? integer
---@return boolean
function cli.is_terminal(fd) end

--- Writes a file that only its owner can read.
---@param path string
---@param text string
---@return true?
---@return string?
---@return string?
function cli.write_private(path, text) end

--- The version of this binary.
---@return string
function cli.version() end

return cli
