#include "slow-disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_HELD 16

struct slow_disk slow_disk;

static struct {
	long context;
	struct iocb order;
} held[MAX_HELD];
static unsigned n_held, n_done; /* of which n_done were given to the kernel */

typedef long (*syscall_fn)(long number, ...);

static syscall_fn the_real_one(void)
{
	static syscall_fn real;

	if (!real)
		real = (syscall_fn)dlsym(RTLD_NEXT, "syscall");
	return real;
}

static void note(const struct iocb *order)
{
	struct stat st;

	if (slow_disk.orders < sizeof(slow_disk.synced) / sizeof(ino_t) &&
	    fstat((int)order->aio_fildes, &st) == 0)
		slow_disk.synced[slow_disk.orders] = st.st_ino;
}

static long submit(long context, struct iocb *order)
{
	note(order);
	slow_disk.whole += order->aio_lio_opcode == IOCB_CMD_FSYNC;
	slow_disk.orders++;
	if (slow_disk.holds && n_held < MAX_HELD) {
		held[n_held].context = context;
		held[n_held].order = *order;
		/* As the kernel, which keeps the file, whatever we close. */
		held[n_held++].order.aio_fildes =
			(uint32_t)dup((int)order->aio_fildes);
		return 1;
	}
	return the_real_one()(SYS_io_submit, context, 1L, &order);
}

static long spoil(long count, struct io_event *event)
{
	if (count == 1 && slow_disk.failure &&
	    slow_disk.orders >= slow_disk.fails_from)
		event->res = -slow_disk.failure;
	return count;
}

/* Takes six, as the real one does, whatever the caller has passed. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	long a[6], result;
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	slow_disk.setups += number == SYS_io_setup;
	slow_disk.collections += number == SYS_io_getevents;
	if (slow_disk.refuses &&
	    (number == SYS_io_setup || number == SYS_io_submit)) {
		errno = ENOSYS;
		return -1;
	}
	if (number == SYS_io_submit)
		return submit(a[0], *(struct iocb **)a[2]);
	result = the_real_one()(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return number == SYS_io_getevents ?
		       spoil(result, (struct io_event *)a[3]) :
		       result;
}

int fdatasync(int fd)
{
	slow_disk.direct++;
	if (!slow_disk.direct_failure)
		return (int)the_real_one()(SYS_fdatasync, fd);
	errno = slow_disk.direct_failure;
	return -1;
}

void slow_disk_go_on(void)
{
	slow_disk.holds = false;
	for (; n_done < n_held; n_done++) {
		slow_disk.orders--;
		(void)submit(held[n_done].context, &held[n_done].order);
	}
	if (!slow_disk.clings)
		slow_disk_let_go();
}

void slow_disk_let_go(void)
{
	for (unsigned i = 0; i < n_held; i++)
		close((int)held[i].order.aio_fildes);
	n_held = n_done = 0;
}

void slow_disk_reset(void)
{
	slow_disk_go_on();
	slow_disk_let_go();
	slow_disk = (struct slow_disk){ 0 };
}
