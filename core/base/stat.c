/*
 * stat: see stat.h. Each thread owns a block in its thread-local storage, linked into one list
 * while the thread lives; what an ended thread counted is added to the block of the dead.
 *
 * Counting takes no lock. The lock is taken when a thread counts for the first time, when it ends
 * and when somebody sums. Figures about the process come from /proc; one that cannot be read is
 * left out.
 */
#include "core/base/stat.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/list.h"

struct thread_block {
    struct stat_block counts; /* what this thread counted */
    struct list link;         /* in `living`, under `lock` */
    int ends;                 /* times the destructor ran for this thread */
};

_Thread_local struct stat_block *stat_mine;
static _Thread_local struct thread_block own;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list living = {&living, &living};
static struct stat_block dead; /* sums of ended threads, under `lock` */

static pthread_key_t at_end;
static int at_end_error; /* why there is no key */
static pthread_once_t at_end_once = PTHREAD_ONCE_INIT;

/* Moves what the calling thread counted to the dead. */
static void fold(struct thread_block *t) {
    for (size_t i = 0; i < STAT_COUNT; i++) {
        dead.value[i] += t->counts.value[i];
        t->counts.value[i] = 0;
    }
}

static void thread_ends(void *arg) {
    struct thread_block *t = arg;
    pthread_mutex_lock(&lock);
    list_unlink(&t->link);
    fold(t);
    t->ends++;
    pthread_mutex_unlock(&lock);
    stat_mine = NULL;
}

static void make_key(void) {
    at_end_error = pthread_key_create(&at_end, thread_ends);
}

/* Other destructors may count after ours ran: the thread registers again and is called again, until
 * the system's rounds are used up. From then on (and when the system has no key to give) the block
 * is not linked, because nobody would unlink it before its memory goes; its counts are folded at
 * the next one and only the very last is lost. */
struct stat_block *stat_thread(void) {
    if (stat_mine) return stat_mine;
    pthread_once(&at_end_once, make_key);
    bool told = own.ends < PTHREAD_DESTRUCTOR_ITERATIONS - 1 && !at_end_error &&
                pthread_setspecific(at_end, &own) == 0;
    pthread_mutex_lock(&lock);
    if (told)
        list_push(&living, &own.link);
    else
        fold(&own);
    pthread_mutex_unlock(&lock);
    if (told) stat_mine = &own.counts;
    return &own.counts;
}

/* The sums of all threads at about the same moment. */
static void sum_all(struct stat_block *sum) {
    pthread_mutex_lock(&lock);
    *sum = dead;
    LIST_EACH(&living, it) {
        struct thread_block *t = LIST_ENTRY(it, struct thread_block, link);
        for (size_t i = 0; i < STAT_COUNT; i++)
            sum->value[i] += __atomic_load_n(&t->counts.value[i], __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&lock);
}

int64_t stat_get(enum stat_id id) {
    struct stat_block sum;
    sum_all(&sum);
    return sum.value[id];
}

static void head(struct buf *out, const char *name, const char *kind, const char *help) {
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void render_counts(struct buf *out) {
    static const struct {
        const char *name; /* with the prefix */
        const char *kind; /* counter or gauge */
        const char *help; /* one sentence */
    } stats[] = {
#define STAT_ROW(id, text, kind, help) {"moonbus_" text, kind, help},
        STAT_LIST(STAT_ROW)
#undef STAT_ROW
    };
    struct stat_block sum;
    sum_all(&sum);
    for (size_t i = 0; i < STAT_COUNT; i++) {
        head(out, stats[i].name, stats[i].kind, stats[i].help);
        buf_printf(out, "%s %lld\n", stats[i].name, (long long)sum.value[i]);
    }
}

/* Reads a whole small file of /proc as text; false when it is not there. */
static bool read_proc(const char *path, char *text, size_t size) {
    FILE *f = fopen(path, "re");
    if (!f) return false;
    size_t n = fread(text, 1, size - 1, f);
    text[n] = 0;
    fclose(f);
    return n > 0;
}

static void render_memory(struct buf *out) {
    char text[128];
    unsigned long long pages;
    if (!read_proc("/proc/self/statm", text, sizeof text)) return;
    if (sscanf(text, "%*s %llu", &pages) != 1) return;
    head(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
    buf_printf(out, "process_resident_memory_bytes %llu\n",
               pages * (unsigned long long)sysconf(_SC_PAGESIZE));
}

static void render_cpu(struct buf *out) {
    struct timespec used;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)) return;
    head(out, "process_cpu_seconds_total", "counter", "User and system CPU time in seconds.");
    buf_printf(out, "process_cpu_seconds_total %lld.%06ld\n", (long long)used.tv_sec,
               used.tv_nsec / 1000);
}

static void render_fds(struct buf *out) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return;
    uint64_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    head(out, "process_open_fds", "gauge", "Open file descriptors.");
    buf_printf(out, "process_open_fds %llu\n", (unsigned long long)(n ? n - 1 : 0));
}

/* Seconds since the epoch at which the machine started, 0 when unknown. */
static unsigned long long boot_time(void) {
    char line[256];
    unsigned long long at = 0;
    FILE *f = fopen("/proc/stat", "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f) && sscanf(line, "btime %llu", &at) != 1) {
    }
    fclose(f);
    return at;
}

/* Fields 20 and 22 of /proc/self/stat (proc(5)): number of threads, start in clock ticks since
 * boot. The second field, the program's name, may hold anything: counting starts behind its ')'. */
static void render_start(struct buf *out) {
    char text[1024];
    unsigned long long threads, ticks, boot = boot_time();
    double hz = (double)sysconf(_SC_CLK_TCK);
    if (!read_proc("/proc/self/stat", text, sizeof text)) return;
    const char *at = strrchr(text, ')');
    if (!at || sscanf(at + 1,
                      " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                      " %llu %*s %llu",
                      &threads, &ticks) != 2)
        return;
    head(out, "process_threads", "gauge", "Threads.");
    buf_printf(out, "process_threads %llu\n", threads);
    if (!boot || hz <= 0) return;
    head(out, "process_start_time_seconds", "gauge", "Start time in seconds since the epoch.");
    buf_printf(out, "process_start_time_seconds %.2f\n", (double)boot + (double)ticks / hz);
}

void stat_render(struct buf *out) {
    render_counts(out);
    render_memory(out);
    render_cpu(out);
    render_fds(out);
    render_start(out);
}
