#include "otad/model/job-state.h"

#include "otad/base/cleanup.h"

#include <string.h>

static const char *const state_names[] = {
	[JOB_STATE_IDLE] = "idle",
	[JOB_STATE_AVAILABLE] = "available",
	[JOB_STATE_DOWNLOADING] = "downloading",
	[JOB_STATE_VERIFYING] = "verifying",
	[JOB_STATE_BACKING_UP] = "backing-up",
	[JOB_STATE_INSTALLING] = "installing",
	[JOB_STATE_RESTARTING] = "restarting",
	[JOB_STATE_CONFIRMING] = "confirming",
	[JOB_STATE_SUCCEEDED] = "succeeded",
	[JOB_STATE_FAILED] = "failed",
	[JOB_STATE_ROLLED_BACK] = "rolled-back",
};
_Static_assert(OTA_ARRAY_SIZE(state_names) == JOB_STATE_COUNT,
	       "every state has a name");

const char *job_state_name(enum job_state state)
{
	if ((unsigned)state >= JOB_STATE_COUNT)
		return "";
	return state_names[state];
}

bool job_state_parse(const char *name, enum job_state *ret_state)
{
	for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
		if (!strcmp(state_names[i], name)) {
			*ret_state = (enum job_state)i;
			return true;
		}
	}
	return false;
}

bool job_state_is_terminal(enum job_state state)
{
	return state == JOB_STATE_SUCCEEDED || state == JOB_STATE_FAILED ||
	       state == JOB_STATE_ROLLED_BACK;
}

/* The column "overall %" of protocols.md, section 1.5. */
unsigned job_overall_percent(enum job_state state, unsigned download_percent,
			     unsigned last)
{
	switch (state) {
	case JOB_STATE_IDLE:
	case JOB_STATE_AVAILABLE:
		return 0;
	case JOB_STATE_DOWNLOADING:
		return download_percent < 90 ? download_percent : 90;
	case JOB_STATE_VERIFYING:
		return 95;
	case JOB_STATE_BACKING_UP:
		return 96;
	case JOB_STATE_INSTALLING:
		return 98;
	case JOB_STATE_RESTARTING:
	case JOB_STATE_CONFIRMING:
		return 99;
	case JOB_STATE_SUCCEEDED:
		return 100;
	case JOB_STATE_FAILED:
	case JOB_STATE_ROLLED_BACK:
		return last;
	case JOB_STATE_COUNT:
		break;
	}
	return 0;
}
