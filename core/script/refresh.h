/* refresh: lets the front door ask the account service for a fresh token in place of an expired
 * one. */
#ifndef REFRESH_H
#define REFRESH_H

/* Once, at start. */
void refresh_open(void);

#endif
