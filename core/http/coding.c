/*
 * coding: see coding.h. Called where a body is needed as a whole; what is proxied keeps its coding.
 */
#include "core/http/coding.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#include "core/base/err.h"

#define PIECE 16384

enum coding coding_of(struct str content_encoding) {
    struct str name = str_trim(content_encoding);
    if (name.n == 0 || str_ieq(name, STR("identity"))) return CODING_NONE;
    return str_ieq(name, STR("gzip")) || str_ieq(name, STR("x-gzip")) ? CODING_GZIP
                                                                      : CODING_UNKNOWN;
}

/* One step of inflating into `out`; Z_OK, Z_STREAM_END or a failure of zlib. */
static int inflate_piece(z_stream *z, struct buf *out) {
    char *room = buf_room(out, PIECE);
    if (!room) return Z_MEM_ERROR;
    z->next_out = (Bytef *)room;
    z->avail_out = PIECE;
    int rc = inflate(z, Z_NO_FLUSH);
    out->n += PIECE - z->avail_out;
    return rc;
}

static int inflate_all(z_stream *z, size_t most, struct buf *out) {
    size_t before = out->n;
    for (;;) {
        int rc = inflate_piece(z, out);
        if (out->n - before > most) return ERR_LIMIT;
        if (rc == Z_MEM_ERROR) return -ENOMEM;
        if (rc == Z_STREAM_END && z->avail_in == 0) return 0;
        if (rc == Z_STREAM_END) rc = inflateReset(z); /* the next member */
        if (rc != Z_OK || (z->avail_in == 0 && z->avail_out > 0)) return -EINVAL;
    }
}

int coding_gunzip(struct str in, size_t most, struct buf *out) {
    z_stream z = {.next_in = (Bytef *)in.p, .avail_in = (uInt)in.n};
    if (in.n > UINT_MAX) return ERR_LIMIT;
    if (inflateInit2(&z, 15 + 16) != Z_OK) return -ENOMEM; /* 16: gzip, nothing else */
    int rc = inflate_all(&z, most, out);
    inflateEnd(&z);
    return rc;
}
