/*
 * For the specs of states: files of a service that exists only here.
 */
#ifndef SPEC_VM_FILES_H
#define SPEC_VM_FILES_H

#include "spec/core/script/script.h"

#define OPEN_10 "{{{{{{{{{{"
#define OPEN_50 OPEN_10 OPEN_10 OPEN_10 OPEN_10 OPEN_10

static const struct {
    const char *path, *text;
} files[] = {
    {"types.lua", "return {name = ..., path = select(2, ...)}"},
    {"gen/api.lua", "return {api = ...}"},
    {"gen/names.lua", "return {api = 'not the host\'s'}"},
    {"counted.lua", "counted = (rawget(_G, 'counted') or 0) + 1 return {n = counted}"},
    {"a.lua", "return require 'b'"},
    {"b.lua", "return require 'c.d'"},
    {"c/d.lua", "return require 'b'"},
    {"itself.lua", "return require 'itself'"},
    {"nothing.lua", "local x = 1"},
    {"text.lua", "return 'text'"},
    {"raises.lua", "\n\nerror 'at load'"},
    {"broken.lua", "local x =\nreturn"},
    {"deep.lua", "return " OPEN_50 OPEN_50 OPEN_50 OPEN_50 OPEN_50},
    {"waits.lua", "require 'time'.sleep(0.001) return {}"},
    {"bom.lua", "\xEF\xBB\xBF#!/usr/bin/env moonbus\nreturn {line = debug.traceback()}"},
    {"empty.lua", ""},
    {"bytecode.lua", "\x1bLua"},
};

static struct str read_file(void *arg, struct str path) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (str_eq(path, str_of(files[i].path)))
            return str_make(files[i].text, strlen(files[i].text));
    return STR_NONE;
}

static struct vm_options options(void) {
    return (struct vm_options){
        .name = "spec", .files.read = read_file, .memory = 32 << 20, .max_tasks = 100};
}

static int freeze(lua_State *L) {
    vm_freeze(L);
    return 0;
}

#endif
