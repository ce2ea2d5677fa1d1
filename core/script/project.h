/*
 * project: the folder that commands about files work in. They mean the same wherever in a project
 * they are typed: settings, shared modules and other services are those of the project.
 */
#ifndef PROJECT_H
#define PROJECT_H

/* Who stands in a folder of a service, or below services/, is taken to the folder around: the
 * working folder of the process is that from here on. Nothing happens to others, nor where the
 * environment says where services or policies are. */
void project_enter(void);
/* From there to where the command was typed, "services/shop"; "" = that is the same place. */
const char *project_came_from(void);

#endif
