#pragma once

/* CONFIRM of a binary: its service stays up, its HealthCheck= passes. */

#include <stdbool.h>
#include <stdint.h>

struct installation;

/* What systemctl(1) shows of a unit. */
struct service_state {
	char active[32]; /* ActiveState=, "" when it was not shown */
	char sub[32];	 /* SubState= */
	uint64_t restarts;
	uint64_t main_pid;
};

struct health {
	bool restarted; /* by us just now: NRestarts= counts from 0 */
	uint64_t begin_ms;
	struct service_state seen;
	bool was_active; /* since `active_ms`, with `first` */
	uint64_t active_ms;
	struct service_state first;
};

/* Ends the step when it knows; until then in->trouble says what it waits for. */
void health_confirm(struct installation *in);
