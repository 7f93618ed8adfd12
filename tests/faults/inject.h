#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The file that the runner (faults.py, which knows this layout) and the preloaded
 * inject.c share. A site is a path of calls that ends in a system call or an
 * allocation.
 */

#define INJECTION_FRAMES 48
#define INJECTION_MODULES 64
#define INJECTION_SITES 16384

/* Beyond the numbers of system calls. */
enum injection_call {
	INJECTION_MALLOC = 10000,
	INJECTION_CALLOC,
	INJECTION_REALLOC,
	INJECTION_MEMALIGN,
	INJECTION_PTHREAD_CREATE,
};

struct injection_frame {
	uint32_t module;
	uint32_t offset; /* from where it is loaded */
};

struct injection_site {
	_Atomic uint64_t hash; /* 0: free */
	uint32_t call;
	_Atomic uint32_t count;
	uint32_t frame_count;
	uint32_t reserved;
	struct injection_frame frames[INJECTION_FRAMES];
};

struct injection {
	uint64_t wanted_hash; /* 0: what there is shall be recorded */
	uint32_t wanted_number; /* 1: the first time */
	uint32_t error;
	uint32_t is_injected;
	uint32_t is_dispatched;
	uint32_t overflows;
	_Atomic uint32_t reached; /* how often the wanted one was */
	/* Whose code a signal ended after the fault, libc apart: "" otad's own. */
	char crashed_in[64];
	char modules[INJECTION_MODULES][64];
	struct injection_site sites[INJECTION_SITES];
};
