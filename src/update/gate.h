#pragma once

/*
 * Who may touch its target now: `self` swaps and restarts only while no other
 * job is between backing-up and confirming (protocols.md, section 1.8), and at
 * most WaveSize= sub-devices are being installed at a time.
 */

#include <stdbool.h>

struct job;
struct updater;

/* What goes on, counted once for all who wait. */
struct gate {
	unsigned installing, selves, wave;
	bool self_waits;
	unsigned wave_size;
};

void gate_look(struct gate *gate, const struct updater *updater);
/* `job` waits. False: `*ret_reason` says why (static text); true: it is NULL. */
bool gate_is_open(const struct gate *gate, const struct job *job,
		  const char **ret_reason);
/* `job` goes through. */
void gate_pass(struct gate *gate, const struct job *job);
