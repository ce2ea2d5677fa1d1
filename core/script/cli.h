/* cli: every command but `run`: Lua programs of lua/cli/ in a trusted state on the calling thread.
 */
#ifndef CLI_H
#define CLI_H

/* argv[1] is the command. Returns the exit code: 0 done, 1 failed, 2 wrong usage. */
int cli_main(int argc, char **argv);

#endif
