#pragma once

/*
 * Who may touch its target now: `self` swaps and restarts only while no other
 * job is between backing-up and confirming (protocols.md, section 1.8), and at
 * most WaveSize= sub-devices are being installed at a time. Kept count of, so
 * that ten thousand who wait cost nothing.
 */

#include <stdbool.h>

struct job;

/* Without a WaveSize=. Each is a process: many more would keep the loop waiting
 * for a processor whenever it starts another. */
#define GATE_WAVE_SIZE_DEFAULT 32

struct gate {
	unsigned installing, selves, wave; /* who has a place */
	unsigned selves_waiting;
};

/* `job` waits, or does not any more. */
void gate_wait(struct gate *gate, struct job *job);
void gate_leave_queue(struct gate *gate, struct job *job);
/* False: `*ret_reason` says why (static text); true: it is NULL. `wave_size`
 * as configured. */
bool gate_is_open(const struct gate *gate, const struct job *job,
		  unsigned wave_size, const char **ret_reason);
/* `job` has a place until it leaves; each may be called twice. */
void gate_enter(struct gate *gate, struct job *job);
void gate_leave(struct gate *gate, struct job *job);
