#pragma once

/*
 * Who may touch its target now: `self` swaps and restarts only while no other
 * job is between backing-up and confirming (protocols.md, section 1.8), and at
 * most WaveSize= sub-devices are being installed at a time.
 */

#include <stdbool.h>

struct job;

/* False: `*ret_reason` says why it waits (static text); true: it is NULL. */
bool gate_is_open(const struct job *job, const char **ret_reason);
