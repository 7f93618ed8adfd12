#include "otad/base/sync.h"

#include <assert.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"

/* A download has one order at a time; the loop waits for what is beyond. */
#define MAX_ORDERS 64

struct sync {
	struct syncer *syncer;
	char *path;
	sync_fn done;
	void *user_data;
	struct loop_source *told; /* what the loop waited for, told by the loop */
	int failure;		  /* errno of that, or 0 */
	bool is_ordered;	  /* the kernel will say when it is over */
	bool is_forgotten;
	LIST_ENTRY(sync) link; /* while it is ordered */
};

struct syncer {
	struct loop *loop;
	aio_context_t context; /* 0: none yet */
	int event_fd;	       /* counts what has ended */
	struct loop_source *io;
	bool is_refused; /* by the kernel: not asked again */
	LIST_HEAD(, sync) ordered;
};

struct syncer *syncer_new(struct loop *loop, struct ota_error *err)
{
	struct syncer *syncer = calloc(1, sizeof(*syncer));

	if (!syncer) {
		ota_fail_memory(err, "syncing files");
		return NULL;
	}
	syncer->loop = loop;
	syncer->event_fd = -1;
	LIST_INIT(&syncer->ordered);
	return syncer;
}

static void close_context(struct syncer *syncer)
{
	syncer->io = loop_source_free(syncer->io);
	if (syncer->context)
		syscall(SYS_io_destroy, syncer->context);
	syncer->context = 0;
	if (syncer->event_fd >= 0)
		close(syncer->event_fd);
	syncer->event_fd = -1;
}

static void release(struct sync *sync)
{
	loop_source_free(sync->told);
	free(sync->path);
	free(sync);
}

struct syncer *syncer_free(struct syncer *syncer)
{
	struct sync *sync;

	if (!syncer)
		return NULL;
	close_context(syncer);
	while ((sync = LIST_FIRST(&syncer->ordered))) {
		assert(sync->is_forgotten);
		LIST_REMOVE(sync, link);
		release(sync);
	}
	free(syncer);
	return NULL;
}

static void tell(struct sync *sync, int failure)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (failure == 0) {
		sync->done(sync, NULL, sync->user_data);
		return;
	}
	ota_fail_errno(&err, failure, "sync %s", sync->path);
	sync->done(sync, &err, sync->user_data);
}

static void on_told(struct loop_source *source, void *user_data)
{
	struct sync *sync = user_data;

	tell(sync, sync->failure);
}

/* One at a time: whoever is told may free any other. */
static void on_event(struct loop_source *source, int fd, uint32_t events,
		     void *user_data)
{
	struct syncer *syncer = user_data;
	struct timespec at_once = { 0 };
	struct io_event event;
	struct sync *sync;
	uint64_t one;
	long count;

	/* In this order: an event that is not taken is counted still. */
	count = syscall(SYS_io_getevents, syncer->context, 1L, 1L, &event,
			&at_once);
	if (count < 0)
		return;
	(void)!read(fd, &one, sizeof(one));
	if (count == 0)
		return;
	sync = (struct sync *)(uintptr_t)event.data;
	LIST_REMOVE(sync, link);
	sync->is_ordered = false;
	if (sync->is_forgotten)
		release(sync);
	else
		tell(sync, event.res < 0 ? (int)-event.res : 0);
}

static bool open_context(struct syncer *syncer)
{
	struct ota_error ignored;

	if (syncer->context || syncer->is_refused)
		return syncer->context;
	syncer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	if (syncer->event_fd >= 0)
		syncer->io = loop_add_io(syncer->loop, syncer->event_fd, EPOLLIN,
					 on_event, syncer, &ignored);
	if (syncer->io &&
	    syscall(SYS_io_setup, (long)MAX_ORDERS, &syncer->context) == 0)
		return true;
	syncer->context = 0;
	close_context(syncer);
	syncer->is_refused = true;
	return false;
}

/* By system calls: libaio does no more for it. */
static bool order(struct sync *sync, int fd, enum sync_what what)
{
	struct syncer *syncer = sync->syncer;
	struct iocb order = {
		.aio_data = (uintptr_t)sync,
		.aio_lio_opcode = what == SYNC_CONTENT ? IOCB_CMD_FDSYNC
						       : IOCB_CMD_FSYNC,
		.aio_fildes = (uint32_t)fd,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)syncer->event_fd,
	};
	struct iocb *orders[] = { &order };

	return syscall(SYS_io_submit, syncer->context, 1L, orders) == 1;
}

static bool wait_for_it(struct sync *sync, int fd, enum sync_what what,
			struct ota_error *err)
{
	int r = what == SYNC_CONTENT ? fdatasync(fd) : fsync(fd);

	sync->failure = r < 0 ? errno : 0;
	sync->told = loop_add_defer(sync->syncer->loop, on_told, sync, err);
	return sync->told;
}

struct sync *sync_start(struct syncer *syncer, int fd, enum sync_what what,
			const char *path, sync_fn done, void *user_data,
			struct ota_error *err)
{
	struct sync *sync = calloc(1, sizeof(*sync));

	if (!sync || !(sync->path = strdup(path))) {
		free(sync);
		ota_fail_memory(err, "syncing a file");
		return NULL;
	}
	sync->syncer = syncer;
	sync->done = done;
	sync->user_data = user_data;
	if (open_context(syncer) && order(sync, fd, what)) {
		sync->is_ordered = true;
		LIST_INSERT_HEAD(&syncer->ordered, sync, link);
		return sync;
	}
	if (wait_for_it(sync, fd, what, err))
		return sync;
	return sync_free(sync);
}

struct sync *sync_free(struct sync *sync)
{
	if (!sync)
		return NULL;
	if (sync->is_ordered)
		sync->is_forgotten = true;
	else
		release(sync);
	return NULL;
}
