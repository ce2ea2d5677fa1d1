/*
 * claims: reads the two JSON texts inside a token. Only token.c calls it.
 *
 * A reader of its own, not the one for scripts: it works without Lua, refuses what two readers
 * might understand differently (duplicate names, NUL characters) and is bounded in depth and names.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "core/secure/token.h"

/* Is this a header that we verify? 0, or negative with the sentence for the caller in *e. */
int claims_header(struct str json, struct err *e);

/* The claims in one block of memory with one reference, or NULL with the sentence in *e. */
struct claims *claims_parse(struct str json, struct err *e);

#endif
