---@meta _
--
-- Generated from lua/ and gen/ by ./dev fmt; do not edit.

---@class HostLibrary a module written in C, as `modules.libraries` gives it
---@field name string
---@field file string
---@field trust "all"|"platform"|"trusted"
---@field module boolean false of classes that other modules hand out
---@field docs { name: string, signature: string, text: string }[]

---@class PlumbedEndpoint a function, web or event
---@field name string
---@field description string
---@field method string upper case; "ANY" of functions and webs that take all
---@field host string? when it is not that of the service
---@field port integer 0 = any
---@field path string of the URL, with {arguments}; "" or beginning with "/"
---@field queue string? "default" or "none"; not of events
---@field openApi boolean? not of events
---@field inputs PlumbedArgument[]? not of webs
---@field outputs PlumbedArgument[]? not of webs

---@class Plumbing
---@field host string
---@field description string
---@field openApi boolean
---@field kinds table<string, string> what each name is: config, function, event, sink, web, ticker or metric
---@field configs PlumbedConfig[]
---@field functions PlumbedEndpoint[]
---@field events PlumbedEndpoint[]
---@field sinks PlumbedSink[]
---@field webs PlumbedEndpoint[]
---@field tickers PlumbedTicker[]
---@field metrics PlumbedMetric[]
---@field classes table<string, CompiledType>

---@class Policies
---@field user table<string, function> what the user's file defines; {} without one
---@field functions table<string, function> those in force, the user's and the default ones; for specs
---@field ask fun(name: string, ...: any): any ... the answer of the function in force
---@field source fun(name: string): string?, integer? file and line of the function in force; nil when there is none
---@field list fun(): PolicySource[] all policies of the service, by name

---@class TemplateReader
---@field name string
---@field source string
---@field pos integer of what was not read yet

---@class PagePlace
---@field mode string text, comment, markup (<!…>), open (behind "<"), name (of a tag), tag, attribute (its
--- name), behind (that), equals (behind "="), value, raw (in an element of RAW)
---@field element string of the tag, or the element whose raw text we are in
---@field closing boolean? the tag ends an element
---@field glued boolean? in a tag: a blank must come before the next attribute
---@field attribute string?
---@field quote string? of the value; "" = none
---@field kind string? of the value: plain, url, script, css, page (srcdoc)
---@field url string? of a url: start; begun (its scheme may go on), path, query, mixed (one of these), code (javascript:)
---@field script ScriptPlace? of a script
---@field held string? characters that may belong to a longer mark

---@class CompiledType
---@field fields TypeField[]? of a class
---@field type string? what an alias stands for

---@class Family
---@field null any stands for what is missing and has no zero, in fields of classes
---@field leaves table<string, Convert>
---@field list fun(item: Item, own: Convert): Convert `own` is from JSON, of the same type
---@field map fun(item: Item, own: Convert): Convert
---@field class fun(fields: FieldItem[], own: Convert?): Convert

---@class Item the converter of a type, as containers use it
---@field convert Convert
---@field zero any
---@field make (fun(): table)?

---@class TypeField
---@field name string
---@field type string as declarations write it: int, []Pet, map[string]string
---@field optional boolean

---@class PlumbedArgument
---@field name string
---@field type string as declared, normalised: int, []*Pet

---@class PlumbedConfig
---@field name string
---@field description string
---@field type string string, int, bool, float64 or time.Duration
---@field default string
---@field validation string?
---@field callback boolean
---@field secret boolean

---@class PlumbedSink
---@field name string
---@field description string
---@field event string
---@field source string as it is written
---@field forHost string?
---@field queue string "default" or "none"
---@field inputs PlumbedArgument[]
---@field outputs PlumbedArgument[]

---@class PlumbedTicker
---@field name string
---@field description string
---@field seconds number from one beat to the next
---@field scope string "all" replicas, or "one"

---@class PlumbedMetric
---@field name string
---@field description string?
---@field kind string "counter", "gauge" or "histogram"
---@field alias string its name for Prometheus
---@field buckets number[]?
---@field inputs PlumbedArgument[] the value and its labels

---@class PolicySource
---@field name string "user.password"
---@field kind "decide"|"tune"
---@field about string
---@field file string? nil: optional, and not defined
---@field line integer?
---@field shipped boolean it is the default

---@class ScriptPlace
---@field inside string? what is open: ' " ` // /* / (a regular expression) or "class" ([ ] inside one)
---@field before string "operator", "operand" or "unknown": what came last in the code
---@field escaped boolean? the next character belongs to a backslash
---@field opaque boolean? entities make it unclear where we are (attributes only)

---@class FieldItem: Item a field of a class
---@field name string
---@field required boolean a missing one becomes its zero
