#pragma once

/* What `systemctl status` shows of otad: one line of what it is doing now. */

#include "otad/model/job-state.h"

#include <stdbool.h>

struct job_view;
struct updater;

#define STATUS_TEXT_SIZE 512

struct status {
	/* The job that changed last. */
	char subject[192]; /* "app 1.2.0", "meter-17 mcu 1.2.0"; "": none yet */
	char detail[160];  /* "downloading 45 % of 5.4 MiB"; its end's reason */
	enum job_state state;
	unsigned percent;
	char shown[STATUS_TEXT_SIZE]; /* told last: not again */
};

/* A job has changed. */
void status_take_job(struct status *status, const struct job_view *view);
/* Puts the line together and tells it, if it is another one. */
void status_tell(struct status *status, const struct updater *updater);
