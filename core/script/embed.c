/*
 * embed: looks files up in the table that the build generates.
 *
 * Called by whoever loads modules, services or resources, on any thread: the table is constant.
 */
#include "core/script/embed.h"

const struct embed_file *embed_file(struct str path) {
    int low = 0, high = embed_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct embed_file *file = &embed_files[middle];
        int c = str_cmp(path, str_of(file->path));
        if (c == 0) return file;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct str embed_find(struct str path) {
    const struct embed_file *file = embed_file(path);
    return file ? str_make(file->data, (size_t)(file->end - file->data)) : STR_NONE;
}

struct str embed_code(struct str path, struct str text) {
    const struct embed_file *file = embed_file(path);
    if (!file || text.p != file->data || text.n != (size_t)(file->end - file->data) ||
        file->code == file->code_end)
        return STR_NONE;
    return str_make(file->code, (size_t)(file->code_end - file->code));
}
