/*
 * lib_yaml: YAML as a tree with line and column for every node, through libyaml's events. A strict
 * subset: one document, duplicate keys are errors, no tags, no anchors, no merge keys. Used by
 * declarations and settings files.
 */
#include <stdio.h>
#include <yaml.h>

#include "core/script/lib.h"
#include "core/script/task.h"

#define MAX_DEPTH 32
#define MAX_SIZE  (1u << 20)
#define READER    "host.yaml"

/* The parser lives in userdata, so that it goes away whatever is thrown. */
struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    struct str text;
    bool open, has_event;
    char error[256];
};

static int close_reader(lua_State *L) {
    struct reader *r = lua_touserdata(L, 1);
    if (r->has_event) yaml_event_delete(&r->event);
    if (r->open) yaml_parser_delete(&r->parser);
    r->has_event = r->open = false;
    return 0;
}

static bool complain(struct reader *r, yaml_mark_t at, const char *text, const char *what) {
    snprintf(r->error, sizeof r->error, "%zu:%zu: %s%s", at.line + 1, at.column + 1, text, what);
    return false;
}

/* Is one among the blanks that a line, counted from 0, begins with? */
static bool tab_indents(struct str text, size_t number) {
    struct str line = STR_NONE;
    for (size_t i = 0; i <= number; i++)
        if (!str_cut(text, '\n', &line, &text) && i < number) return false;
    for (size_t i = 0; i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'); i++)
        if (line.p[i] == '\t') return true;
    return false;
}

static bool next(struct reader *r) {
    if (r->has_event) yaml_event_delete(&r->event);
    r->has_event = false;
    if (yaml_parser_parse(&r->parser, &r->event)) {
        r->has_event = true;
        return true;
    }
    const char *why = r->parser.problem ? r->parser.problem : "not YAML";
    if (tab_indents(r->text, r->parser.problem_mark.line))
        why = "indented by a tab; YAML wants spaces";
    return complain(r, r->parser.problem_mark, why, "");
}

static void set_position(lua_State *L, yaml_mark_t at) {
    lua_pushinteger(L, (lua_Integer)at.line + 1);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, (lua_Integer)at.column + 1);
    lua_setfield(L, -2, "column");
}

static void new_node(lua_State *L, const char *kind, yaml_mark_t at) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "kind");
    set_position(L, at);
}

static bool is_null(struct str s) {
    return s.n == 0 || str_eq(s, STR("~")) || str_eq(s, STR("null")) || str_eq(s, STR("Null")) ||
           str_eq(s, STR("NULL"));
}

static struct str text_of(const yaml_event_t *e) {
    return str_make((const char *)e->data.scalar.value, e->data.scalar.length);
}

static bool has_extras(struct reader *r) {
    const yaml_event_t *e = &r->event;
    yaml_mark_t at = e->start_mark;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    case YAML_ALIAS_EVENT:
        complain(r, at, "aliases are not supported", "");
        return true;
    default:
        return false;
    }
    if (anchor) complain(r, at, "anchors are not supported", "");
    if (tag) complain(r, at, "tags are not supported", "");
    return anchor || tag;
}

static bool push_node(lua_State *L, struct reader *r, int depth);

static void push_scalar(lua_State *L, const struct reader *r) {
    struct str s = text_of(&r->event);
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && is_null(s)) {
        new_node(L, "null", r->event.start_mark);
        return;
    }
    new_node(L, "scalar", r->event.start_mark);
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, "value");
    lua_pushboolean(L, !plain);
    lua_setfield(L, -2, "quoted");
}

static bool push_list(lua_State *L, struct reader *r, int depth) {
    new_node(L, "list", r->event.start_mark);
    lua_newtable(L);
    for (lua_Integer i = 1; next(r) && r->event.type != YAML_SEQUENCE_END_EVENT; i++) {
        if (!push_node(L, r, depth + 1)) return false;
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "items");
    return !r->error[0];
}

/* The line of the key, among those read so far, whose name is on top. */
static int line_of_key(lua_State *L, int keys) {
    for (lua_Integer i = 1; lua_rawgeti(L, keys, i) == LUA_TTABLE; i++) {
        lua_getfield(L, -1, "name");
        bool same = lua_rawequal(L, -1, -3);
        lua_getfield(L, -2, "line");
        int line = (int)lua_tointeger(L, -1);
        lua_pop(L, 3);
        if (same) return line;
    }
    return 0;
}

static bool complain_twice(lua_State *L, struct reader *r, yaml_mark_t at, int keys) {
    char text[sizeof r->error / 2], rest[48];
    snprintf(text, sizeof text, "duplicate key %s", lua_tostring(L, -1));
    snprintf(rest, sizeof rest, ": line %d has it", line_of_key(L, keys));
    return complain(r, at, text, rest);
}

/* {name =, line =, column =, value = node} appended to keys, and at[name] = node */
static bool add_key(lua_State *L, struct reader *r, int keys, int at, lua_Integer i, int depth) {
    if (has_extras(r)) return false;
    yaml_mark_t mark = r->event.start_mark;
    if (r->event.type != YAML_SCALAR_EVENT) return complain(r, mark, "a key must be a text", "");
    struct str name = text_of(&r->event);
    if (str_eq(name, STR("<<"))) return complain(r, mark, "merge keys are not supported", "");
    lua_createtable(L, 0, 4);
    set_position(L, mark);
    lua_pushlstring(L, name.p, name.n);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "name");
    lua_pushvalue(L, -1);
    bool twice = lua_rawget(L, at) != LUA_TNIL;
    lua_pop(L, 1);
    if (twice) return complain_twice(L, r, mark, keys);
    if (!next(r) || !push_node(L, r, depth + 1)) return false;
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "value");
    lua_rawset(L, at);
    lua_rawseti(L, keys, i);
    return true;
}

static bool push_map(lua_State *L, struct reader *r, int depth) {
    new_node(L, "map", r->event.start_mark);
    int node = lua_gettop(L);
    lua_newtable(L);
    lua_newtable(L);
    for (lua_Integer i = 1; next(r) && r->event.type != YAML_MAPPING_END_EVENT; i++)
        if (!add_key(L, r, node + 1, node + 2, i, depth)) return false;
    lua_setfield(L, node, "at");
    lua_setfield(L, node, "keys");
    return !r->error[0];
}

/* Pushes the node that the current event begins. */
static bool push_node(lua_State *L, struct reader *r, int depth) {
    luaL_checkstack(L, 12, "yaml");
    if (depth > MAX_DEPTH) return complain(r, r->event.start_mark, "nested too deeply", "");
    if (has_extras(r)) return false;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        push_scalar(L, r);
        return true;
    case YAML_SEQUENCE_START_EVENT:
        return push_list(L, r, depth);
    case YAML_MAPPING_START_EVENT:
        return push_map(L, r, depth);
    default:
        return complain(r, r->event.start_mark, "a value was expected", "");
    }
}

static bool push_document(lua_State *L, struct reader *r) {
    if (!next(r) || !next(r)) return false; /* stream start */
    if (r->event.type == YAML_STREAM_END_EVENT) {
        new_node(L, "null", r->event.start_mark);
        return true;
    }
    if (!next(r) || !push_node(L, r, 0)) return false;
    if (!next(r) || !next(r)) return false; /* document end */
    if (r->event.type != YAML_STREAM_END_EVENT)
        return complain(r, r->event.start_mark, "only one document is expected", "");
    return true;
}

/* yaml.parse(text) -> node, or nil, "line:column: why", code */
static int l_parse(lua_State *L) {
    struct str text = lib_str(L, 1);
    if (text.n > MAX_SIZE) return op_fail(L, ERR_LIMIT, "1:1: larger than 1 MB");
    struct reader *r = lua_newuserdatauv(L, sizeof *r, 0);
    memset(r, 0, sizeof *r);
    luaL_setmetatable(L, READER);
    if (!yaml_parser_initialize(&r->parser)) return luaL_error(L, "not enough memory");
    r->open = true;
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    /* libyaml counts a byte order mark as a column, and what is below no longer fits. */
    r->text = str_starts(text, STR("\xEF\xBB\xBF")) ? str_from(text, 3) : text;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text.p, r->text.n);
    if (!push_document(L, r)) return op_fail(L, -EINVAL, r->error);
    return 1;
}

const struct lib_doc lib_yaml_docs[] = {
    {"parse", l_parse, "fun(text: string): table?, string?, string?",
     "A YAML document as a tree. A node has kind (map, list, scalar, null), line and column; a map "
     "has keys (in order: name, line, column, value) and at (by name), a list has items, a scalar "
     "has value (text) and quoted. One document, no duplicate keys, no tags, anchors or merge "
     "keys."},
    {NULL, NULL, NULL, NULL},
};

int lib_yaml(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", close_reader}, {NULL, NULL}};
    lib_class(L, READER, NULL, meta);
    lib_functions(L, lib_yaml_docs);
    return 1;
}
