#pragma once

/*
 * The life of a job as one table (design.md, section 4). Nothing else changes a
 * job's state. Every change is recorded durably before it is acted on or told
 * to anybody.
 */

#include "otad/base/error.h"
#include "otad/model/job-state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job;

/* A state that the disk does not take may be taken soon: half an hour. */
#define JOB_RECORD_ATTEMPTS 35
#define JOB_RETRY_MAX_MS (60 * UINT64_C(1000))

enum job_event {
	JOB_EVENT_ALLOWED,    /* policy lets it start */
	JOB_EVENT_FETCHED,    /* the artifact is complete */
	JOB_EVENT_VERIFIED,   /* and is what the offer says; its turn has come */
	JOB_EVENT_LOST,	      /* the verified artifact is gone again */
	JOB_EVENT_BACKED_UP,
	JOB_EVENT_AWAY,	      /* the device is not there to be updated */
	JOB_EVENT_INSTALLED,  /* the new version is in place */
	JOB_EVENT_RESTARTED,  /* and started */
	JOB_EVENT_CONFIRMED,  /* and healthy */
	JOB_EVENT_FAILED,     /* job->cause says why */
	JOB_EVENT_UNDONE,     /* the old version is back */
	JOB_EVENT_ABANDONED,  /* it cannot be put back */
	JOB_EVENT_COUNT,
};

const char *job_event_name(enum job_event event);

struct job_rule {
	enum job_state state;
	enum job_event event;
	bool (*guard)(const struct job *job);
	void (*action)(struct job *job);
	enum job_state next;
	const char *guard_name, *action_name; /* for the diagram */
};

const struct job_rule *job_rules(size_t *ret_count);

/* The only place where job->state changes. A late event without a rule is
 * dropped. May free the job. */
void job_handle(struct job *job, enum job_event event);
/* Sets the cause, then JOB_EVENT_FAILED. May free the job. */
void job_fail(struct job *job, const struct ota_error *cause);

/* Runs the action of the state a job was found in after a restart. May free the
 * job. */
void job_resume(struct job *job);

/* Once, before anything else is done with the job. */
bool job_make_timers(struct job *job, struct ota_error *err) OTA_MUST_CHECK;

/*
 * Calls `fn` after 1, 2, 4 ... 60 s, as `attempt` is 0, 1, 2 ...; whoever asks
 * counts them. A job waits for one thing at a time: a change of its state takes
 * this back.
 */
void job_retry_later(struct job *job, unsigned attempt,
		     void (*fn)(struct job *job));
void job_retry_after(struct job *job, uint64_t delay_ms,
		     void (*fn)(struct job *job));

/* Anew: the deadline of its state has changed. */
void job_arm_deadline(struct job *job);

/* The longest a job may stay in `state`, in milliseconds. */
uint64_t job_deadline_ms(const struct job *job, enum job_state state);
