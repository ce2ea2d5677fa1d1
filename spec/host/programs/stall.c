/*
 * stall: makes a thread of the host stuck, for specs that want to see what happens then. It is
 * loaded into the host from outside (LD_PRELOAD), so that the host itself has no such thing.
 *
 * A script that asks os.date for the weekday of a moment in the first day of 2222 does not get an
 * answer before as many tenths of a second have passed as seconds of that day. They are counted in
 * naps, so that a pause of the whole process is one nap.
 */
#include <dlfcn.h>
#include <string.h>
#include <time.h>

size_t strftime(char *to, size_t cap, const char *format, const struct tm *tm) {
    static size_t (*original)(char *, size_t, const char *, const struct tm *);
    if (!original) *(void **)&original = dlsym(RTLD_NEXT, "strftime");
    if (tm->tm_year == 2222 - 1900 && tm->tm_yday == 0 && strcmp(format, "%A") == 0) {
        int tenths = tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec;
        for (int naps = tenths * 10; naps > 0; naps--)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return original(to, cap, format, tm);
}
