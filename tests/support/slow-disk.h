#pragma once

/*
 * A kernel that syncs at a time of the test's choosing, fails to, or will not
 * do it for us at all: syscall(2) as src/base/sync.c calls it, and fdatasync(2).
 */

#include <stdbool.h>
#include <sys/types.h>

struct slow_disk {
	bool refuses; /* orders; whoever wants a sync has to wait for it */
	bool holds;   /* orders back until slow_disk_go_on() */
	bool clings;  /* to the files of held orders until slow_disk_let_go() */
	int failure;  /* errno of orders that end from now on, 0: none */
	unsigned fails_from; /* only from this order on; 0: all */
	unsigned setups;     /* calls of io_setup(2) */
	unsigned collections; /* calls of io_getevents(2) */
	unsigned orders;
	unsigned whole; /* orders for all of a file, not its content alone */
	ino_t synced[8]; /* what the first of them were for */
	int direct_failure; /* errno of fdatasync(2), 0: none */
	unsigned direct;    /* calls of it */
};

extern struct slow_disk slow_disk;

void slow_disk_reset(void);
void slow_disk_go_on(void);
void slow_disk_let_go(void);
