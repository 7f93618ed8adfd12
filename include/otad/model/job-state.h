#pragma once

/* The states of a job: design.md, section 4; protocols.md, section 1.5. */

#include <stdbool.h>

enum job_state {
	JOB_STATE_IDLE, /* no job: never recorded, only shown */
	JOB_STATE_AVAILABLE,
	JOB_STATE_DOWNLOADING,
	JOB_STATE_VERIFYING,
	JOB_STATE_BACKING_UP,
	JOB_STATE_INSTALLING,
	JOB_STATE_RESTARTING,
	JOB_STATE_CONFIRMING,
	JOB_STATE_SUCCEEDED,
	JOB_STATE_FAILED,      /* the old version is still the running one */
	JOB_STATE_ROLLED_BACK, /* the old one was put back */
	JOB_STATE_COUNT,
};

/* "idle", "available", ... "backing-up", "rolled-back". */
const char *job_state_name(enum job_state state);
bool job_state_parse(const char *name, enum job_state *ret_state);
bool job_state_is_terminal(enum job_state state);

/*
 * The overall percentage of protocols.md, section 1.5: only 100 may mean
 * finished. `download_percent` counts while downloading, `last` for failed and
 * rolled-back.
 */
unsigned job_overall_percent(enum job_state state, unsigned download_percent,
			     unsigned last);
