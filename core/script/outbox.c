/*
 * outbox: see outbox.h. Made and freed by service.c, charged by serve.c; the streams below count
 * (loop/io.h) and call back here when there is no room, which the log gets to know once a minute.
 */
#include "core/script/outbox.h"

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/stat.h"
#include "core/loop/io.h"

#define QUIET_MS 60000

struct outbox {
    struct stream_payer *payer;
    const char *host;
    uint64_t told;    /* loop ms of the last log line; 0 = none yet */
    int64_t left_out; /* answers cut or refused since */
};

static void full(struct stream_payer *p) {
    struct outbox *o = p->data;
    uint64_t now = worker_self()->now_ms;
    stat_add(STAT_ANSWERS_CUT, 1);
    o->left_out++;
    if (o->told && now - o->told < QUIET_MS) return;
    log_warn("answers wait for clients that do not read, and there is no room for more",
             LOGZ("service", o->host), LOGI("worker", worker_self()->index),
             LOGI("bytes", p->bytes), LOGI("limit", p->most), LOGI("cut_or_refused", o->left_out));
    o->told = now ? now : 1;
    o->left_out = 0;
}

struct outbox *outbox_new(const char *host) {
    struct outbox *o = mem_zalloc(sizeof *o);
    if (!o || !(o->payer = stream_payer_new(conf.lua_memory))) {
        mem_free(o);
        return NULL;
    }
    o->host = host;
    o->payer->full = full;
    o->payer->data = o;
    return o;
}

void outbox_free(struct outbox *o) {
    if (!o) return;
    o->payer->full = NULL;
    stream_payer_give(o->payer);
    mem_free(o);
}

void outbox_charge(struct outbox *o, struct exchange *x) {
    exchange_charge(x, o->payer);
}
