/*
 * conf: every setting of the host, in one table.
 *
 * A value comes from the first of: command-line flag (--name value), environment (MOONBUS_NAME,
 * then its OB_ alias), file (moonbus.yaml), default. An empty environment variable equals an unset
 * one. Flags spell '_' as '-'. Read-only after conf_load: workers share it without a lock.
 */
#ifndef CONF_H
#define CONF_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

/* X(kind, field, OB_ alias or NULL, default text, min, max, sentence)
 * kinds: STR (char *, never NULL), SECRET (the same, never shown), LIST (the same: members between
 * commas; one per line will do, too), INT (int64_t), BOOL (bool), DUR (uint64_t nanoseconds) and
 * SIZE (uint64_t bytes). min and max bound INT (value), DUR
 * (milliseconds) and SIZE (bytes); max 0 = no upper bound. GROUP gives the heading of what follows
 * in `moonbus config` and in the README. */
#define CONF_LIST(X, GROUP) \
    GROUP("Where it listens and keeps things") \
    X(STR, listen, NULL, "", 0, 0, \
      "Address of the front door: PORT, HOST:PORT or [IPV6]:PORT; empty = the port of self_url " \
      "on all interfaces; port 0 = any free one.") \
    X(STR, self_url, "OB_SELF_URL", "", 0, 0, \
      "Own base URL as others see it, with its port; empty = http://127.0.0.1:58231.") \
    X(STR, admin, NULL, "", 0, 0, \
      "Address of health, metrics and control; empty = the port after the front door's on " \
      "127.0.0.1, or any free one when that is taken.") \
    X(STR, home, "OB_FOLDER", "~/.moonbus", 0, 0, \
      "Folder of database, keys and credentials; made when missing, readable by its owner only.") \
    X(STR, services, NULL, "services", 0, 0, \
      "Folder of your services; they replace embedded ones of the same name.") \
    X(STR, policies, NULL, "policies", 0, 0, \
      "Folder of your policies: policies/user.lua says how the service user decides.") \
    X(STR, values, NULL, "config.yaml", 0, 0, \
      "File that sets the configs of services; it need not be there, and changes to it take " \
      "effect " \
      "by themselves.") \
    X(INT, workers, NULL, "0", 0, 256, "Threads that serve requests; 0 = one per core.") \
    X(BOOL, supervise, NULL, "true", 0, 0, \
      "The host runs below a small process that starts it again when it breaks; off where " \
      "something else does that, like systemd.") \
    X(DUR, stuck_after, NULL, "5s", 0, 0, \
      "A thread whose loop does not turn for so long ends the host, to be started again; a " \
      "warning comes after a fifth of it; 0 = never.") \
    X(BOOL, dev, NULL, "false", 0, 0, \
      "Development, not for production: services are generated and reloaded when their files are " \
      "saved, the log is for people, errors are shown to callers in full.") \
    X(BOOL, repl, NULL, "true", 0, 0, \
      "moonbus repl may run code in services; only from this machine, and only for who can read " \
      "the home folder.") \
    X(BOOL, test, "OB_TEST", "false", 0, 0, \
      "Test mode: temporary home folder, well-known admin password, cheap password hashes.") \
    X(STR, trusted_proxies, NULL, "", 0, 0, \
      "Addresses and networks of proxies in front (10.0.0.0/8, ::1): their X-Forwarded-*, " \
      "Forwarded and X-Real-IP go on; those of all others are replaced.") \
    X(STR, node_id, "OB_NODE_ID", "", 0, 0, \
      "Stable id of this host in the registry; empty = generated once.") \
    X(STR, az, "OB_AZ", "", 0, 0, "Availability zone shown in the registry.") \
    X(STR, region, "OB_REGION", "", 0, 0, "Region shown in the registry.") \
    GROUP("Accounts and tokens") \
    X(SECRET, admin_password, NULL, "", 0, 0, \
      "Password of the first admin account; empty = random, kept in the home folder.") \
    X(DUR, token_expiration, "OB_TOKEN_EXPIRATION", "5m", 0, 0, \
      "Life of an access token; 0 = the default.") \
    X(BOOL, token_auto_refresh_off, "OB_TOKEN_AUTO_REFRESH_OFF", "false", 0, 0, \
      "Expired tokens are refused instead of being refreshed on the way.") \
    X(BOOL, verify_contacts, "OB_VERIFY_CONTACTS", "false", 0, 0, \
      "Contacts must be verified by a one-time password; nothing sends those yet, so that " \
      "registering with a contact is refused.") \
    X(SECRET, encryption_key, "OB_ENCRYPTION_KEY", "", 0, 0, \
      "Key for sealing secrets at rest, 32 bytes; checked, and kept for the secret service to " \
      "come.") \
    X(INT, pass_threads, NULL, "0", 0, 64, "Threads that hash passwords; 0 = half the cores.") \
    X(INT, pass_queue, NULL, "256", 1, 100000, \
      "Password hashes that may wait; more are answered 503.") \
    GROUP("Storage") \
    X(STR, db, "OB_DB", "", 0, 0, "Database: empty or sqlite.") \
    X(STR, db_prefix, "OB_DB_PREFIX", "", 0, 0, "Prefix of every collection.") \
    X(INT, store_readers, NULL, "2", 1, 32, "Threads that read the database.") \
    X(INT, store_queue, NULL, "4096", 16, 1000000, \
      "Database jobs that may wait; more are answered 503.") \
    X(SIZE, store_result, NULL, "16m", 65536, 0, "Largest result of one query.") \
    X(SIZE, shared_size, NULL, "64m", 65536, 0, \
      "Memory of the map shared by all workers; when it is full, the service that has most loses " \
      "its " \
      "least recently used entries.") \
    GROUP("Limits of the front door") \
    X(INT, max_connections, NULL, "20000", 1, 10000000, \
      "Client connections of the whole host; more are closed at once.") \
    X(SIZE, max_request_line, NULL, "16k", 512, 1048576, "Request line; longer is 414.") \
    X(SIZE, max_header, NULL, "32k", 1024, 1048576, "Header block; larger is 431.") \
    X(INT, max_headers, NULL, "100", 8, 1000, "Header fields; more is 431.") \
    X(SIZE, max_body, NULL, "1m", 0, 0, \
      "Body of a request that a Lua service answers; larger is 413.") \
    X(SIZE, write_high, NULL, "256k", 4096, 0, \
      "Bytes waiting for a slow peer before the producer pauses.") \
    X(DUR, header_timeout, NULL, "10s", 100, 0, "Time for a whole request head.") \
    X(DUR, body_timeout, NULL, "15s", 100, 0, "Longest silence inside a request body.") \
    X(DUR, half_close_timeout, NULL, "1s", 1, 0, \
      "How long a client that ended its own side may wait for the next byte of its answer.") \
    X(DUR, write_timeout, NULL, "30s", 100, 0, \
      "Longest time that a client takes no byte of its response.") \
    X(DUR, idle_timeout, NULL, "60s", 100, 0, "Life of an idle keep-alive connection.") \
    X(INT, keepalive_requests, NULL, "100000", 1, 0, \
      "Requests on one connection before it is closed.") \
    X(DUR, drain_timeout, NULL, "30s", 0, 0, "Time for requests in flight when stopping.") \
    GROUP("What the front door refuses") \
    X(LIST, blocked_ports, NULL, "417,444,888", 0, 0, \
      "Ports of services that nobody reaches from outside: /host:444/… is 404; 888 is always one " \
      "of them.") \
    X(LIST, blocked_paths, NULL, "probes", 0, 0, \
      "Paths that are 404: exact ones (/old/login.php), endings of file names (*.php), and the " \
      "word probes for some 40 that scanners look for; empty = none.") \
    X(LIST, allowed_origins, NULL, "*", 0, 0, \
      "Origins whose pages may call your Lua services, like https://app.example:8443: named ones " \
      "with credentials; * = all of them, without; pages of others get 403.") \
    GROUP("Proxying") \
    X(BOOL, registry_strict, NULL, "false", 0, 0, \
      "Instances must have public addresses: loopback and private ones are refused, too, and " \
      "names " \
      "that do not resolve.") \
    X(DUR, connect_timeout, NULL, "2s", 10, 0, "Time to connect to an instance.") \
    X(DUR, upstream_timeout, NULL, "60s", 100, 0, \
      "Time until an instance answers the head of a response.") \
    X(DUR, upstream_idle_timeout, NULL, "60s", 100, 0, \
      "Longest silence of an instance inside a response; event streams and tunnels are exempt.") \
    X(INT, upstream_idle, NULL, "128", 0, 100000, \
      "Idle connections kept per instance and worker.") \
    X(DUR, upstream_keepalive, NULL, "55s", 100, 0, "Life of an idle connection to an instance.") \
    X(LIST, proxy_choose, NULL, "round_robin", 0, 0, \
      "Which instance gets a request: round_robin, least_outstanding or hash; SLUG=NAME for one " \
      "service, as in round_robin,chat-svc=hash.") \
    X(LIST, proxy_hash, NULL, "address", 0, 0, \
      "What hash keeps together: address (of the client), path, header:NAME or cookie:NAME; " \
      "SLUG=… for one service. Requests without it go in turn.") \
    X(DUR, health_interval, NULL, "15s", 50, 0, "Time between health scans.") \
    X(DUR, health_timeout, NULL, "3s", 10, 0, "Time that an instance has to accept a probe.") \
    X(INT, health_concurrency, NULL, "32", 1, 1024, "Probes at once.") \
    GROUP("Lua") \
    X(SIZE, lua_memory, NULL, "64m", 1048576, 0, \
      "Memory of one service on one worker; above it requests fail with 503.") \
    X(INT, lua_tasks, NULL, "10000", 1, 1000000, \
      "Tasks of one service on one worker; more are answered 503.") \
    X(DUR, lua_turn_soft, NULL, "10ms", 1, 0, \
      "A task that runs longer without waiting gives way to others.") \
    X(DUR, lua_turn_hard, NULL, "500ms", 1, 0, \
      "A task that runs longer without being able to give way is stopped.") \
    X(DUR, slow_turn, NULL, "50ms", 0, 0, \
      "The log tells where a task computes longer without waiting; 0 = never.") \
    X(DUR, lua_cpu, NULL, "2s", 1, 0, "Processor time of one request.") \
    X(DUR, lua_deadline, NULL, "30s", 1, 0, \
      "Time from a request's start until its handler is cancelled; streams are exempt while they " \
      "write.") \
    X(DUR, policy_cpu, NULL, "100ms", 1, 0, \
      "Processor time of one answer of a policy of yours, at most half of lua_cpu.") \
    X(DUR, policy_timeout, NULL, "2s", 1, 0, \
      "Time until such an answer must be there, at most half of lua_deadline.") \
    X(DUR, reload_grace, NULL, "30s", 0, 0, \
      "Time that a replaced generation has to finish its requests.") \
    X(DUR, reload_check, NULL, "5s", 1, 0, \
      "Time that on_check of a new generation has; running over refuses the generation.") \
    X(BOOL, watch, NULL, "true", 0, 0, "Reload a service when its files change.") \
    GROUP("Logs") \
    X(STR, log_level, NULL, "info", 0, 0, "debug, info, warn or error.") \
    X(STR, log_format, NULL, "auto", 0, 0, \
      "auto, text or json; auto = text on a terminal, json elsewhere.") \
    X(BOOL, log_access, NULL, "true", 0, 0, "One line per request.")

#define CONF_ENDING_MAX 32 /* bytes of an ending in blocked_paths, from its dot on */

#define CONF_FIELD_STR                                       char *
#define CONF_FIELD_SECRET                                    char *
#define CONF_FIELD_LIST                                      char *
#define CONF_FIELD_INT                                       int64_t
#define CONF_FIELD_BOOL                                      bool
#define CONF_FIELD_DUR                                       uint64_t
#define CONF_FIELD_SIZE                                      uint64_t
#define CONF_MEMBER(kind, field, alias, def, min, max, text) CONF_FIELD_##kind field;
#define CONF_NO_GROUP(text)

struct conf {
    CONF_LIST(CONF_MEMBER, CONF_NO_GROUP)
};

/* The settings in force. */
extern struct conf conf;

/* Reads flags, environment and file into `conf`. argv begins behind the command word. Booleans are
 * `--dev`, `--dev=false` or `--no-dev`; every other flag is `--name value` or `--name=value`; the
 * last of several counts. Words that are no flags, and all words behind `--`, are left in order in
 * `rest`: an array of *n_rest pointers on entry, NULL-terminated; *n_rest becomes their number
 * (rest NULL: such words are errors).
 *
 * The file is moonbus.yaml in the current folder when there is one, or the one named with --config
 * FILE or MOONBUS_CONFIG, which must exist: a flat mapping of names to single values.
 *
 * A bad value is an error that names the setting, the value, its source and what is allowed; an
 * unknown flag or file key names the nearest known one. On an error nothing is set.
 *
 * Afterwards: home has no "~/"; self_url has a scheme and a port; listen is not empty;
 * token_expiration is not 0. Only with `listen` at port 0 and no self_url that stays empty until
 * conf_listening(). Not acted on here: test (main makes the temporary home), admin empty, 0
 * workers, 0 pass_threads. */
int conf_load(int argc, char **argv, const char **rest, int *n_rest, struct err *e);

/* The front door got this port: completes a self_url that could not be known before. Main calls it
 * before it starts workers. 0 or -ENOMEM. */
int conf_listening(unsigned port);
void conf_free(void);

/* One setting per line for people (name, value, source, meaning), or a JSON object of {value,
 * source, meaning} by name. Durations and sizes are spelled as flags take them. Secrets are masked.
 * Only after conf_load. */
void conf_print(struct buf *out, bool json);
/* The table as Markdown, for the README. */
void conf_markdown(struct buf *out);

#endif
