/* SPDX-License-Identifier: MIT
 *
 * A storage node on the real libxseg: makes the segment SEGMENT, answers at ports 501 and 1001, and keeps one volume, "vol", of BYTES in memory.
 * Built and run by libxseg.sh; nothing of it is shipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xseg/xseg.h>
#include <xseg/protocol.h>

static char *volume;
static uint64_t bytes;

static int is_done(struct xseg *xseg, struct xseg_request *req)
{
    char *data = xseg_get_data(xseg, req);
    int inside = req->offset <= bytes && req->size <= bytes - req->offset && req->size <= req->datalen;

    if (req->targetlen != 3 || memcmp(xseg_get_target(xseg, req), "vol", 3))
        return 0;
    if (req->op == X_INFO && req->datalen >= sizeof(struct xseg_reply_info))
        ((struct xseg_reply_info *) data)->size = bytes;
    else if (req->op == X_READ && inside)
        memcpy(data, volume + req->offset, req->size);
    else if (req->op == X_WRITE && inside)
        memcpy(volume + req->offset, data, req->size);
    else if (req->op != X_FLUSH && req->op != X_CLOSE)
        return 0;
    req->serviced = req->size;
    return 1;
}

int main(int argc, char **argv)
{
    char spec[512];
    struct xseg_config config;
    struct xseg *xseg;
    struct xseg_port *composer, *mapper;
    void *signal;

    /* The library looks for the folder of its pipes when it is initialized. */
    mkdir("/dev/shm/posixfd", 02777);
    if (argc != 3 || xseg_initialize())
        return 1;
    bytes = strtoull(argv[2], NULL, 10);
    volume = calloc(1, bytes);
    snprintf(spec, sizeof spec, "posix:%s:1100:1200:64:12", argv[1]);
    xseg_parse_spec(spec, &config);
    if (xseg_create(&config) || !(xseg = xseg_join("posix", argv[1], "posixfd", NULL)))
        return 2;
    composer = xseg_bind_port(xseg, 501, NULL);
    signal = composer ? xseg_get_signal_desc(xseg, composer) : NULL;
    mapper = signal ? xseg_bind_port(xseg, 1001, signal) : NULL;
    if (!mapper || xseg_init_local_signal(xseg, 501))
        return 3;
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct xseg_request *req;
        xport ports[] = { 501, 1001 };
        int i, found = 0;

        xseg_prepare_wait(xseg, 501);
        for (i = 0; i < 2; i++) {
            if (!(req = xseg_accept(xseg, ports[i], X_NONBLOCK)))
                continue;
            found = 1;
            req->state = is_done(xseg, req) ? XS_SERVED : XS_FAILED;
            xport to = xseg_respond(xseg, req, ports[i], X_ALLOC);
            if (to != NoPort)
                xseg_signal(xseg, to);
        }
        if (!found)
            xseg_wait_signal(xseg, signal, 100000);
    }
}
