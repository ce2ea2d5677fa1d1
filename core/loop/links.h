/*
 * links: the names on the way from a symbolic link to what it leads to. Whoever watches a place
 * that links lead to watches these: it is another place as soon as one of them is another.
 */
#ifndef LINKS_H
#define LINKS_H

/* Calls met() for the name of every symbolic link on the way of `path`, for that of what they lead
 * to, and for the first one that is not there; folders without a link in their path. Nothing is met
 * when there is no link. A name is looked at after met() has returned, so that no change is missed.
 * 0, the first negative return of met(), or -ELOOP, -ENAMETOOLONG, -EACCES … */
int links_follow(const char *path, int (*met)(void *arg, const char *folder, const char *name),
                 void *arg);

#endif
