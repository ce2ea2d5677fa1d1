/*
 * policies: which files of the user's folder of policies nobody asks. Called by reload.c on the
 * control thread; what is in the files is the business of the services they belong to, whose
 * generations have them (generation.c).
 */
#ifndef POLICIES_H
#define POLICIES_H

#include "core/base/buf.h"

/* Appends a sentence and a line's end for every file <policies>/<name>.lua that no platform service
 * of that name takes, with the name that was probably meant. `services` is the folder of the user's
 * services. A folder that is not there has no files; one that has another name than
 * usual, and so was meant, gets a sentence, too. */
void policies_strays(const char *policies, const char *services, struct buf *out);

#endif
