#include "machine.h"

#include "otad/base/log.h"
#include "otad/base/loop.h"

#include "job.h"
#include "runner.h"
#include "updater-private.h"

#define MINUTE_MS (60 * 1000ULL)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* Nobody let it start: the cloud will offer it again if it still wants it. */
#define AVAILABLE_DEADLINE_MS (30 * DAY_MS)
/* A 4 GiB artifact at 8 KiB/s. */
#define DOWNLOAD_DEADLINE_MS (7 * DAY_MS)
/* Hashing, a signature, and a download again if the file is gone. */
#define VERIFY_DEADLINE_MS DAY_MS
/* Other modules' trials, and thousands of devices in waves of a few. */
#define GATE_DEADLINE_MS (30 * DAY_MS)
#define COPY_DEADLINE_MS HOUR_MS
#define RETRY_FIRST_MS 1000ULL

static bool always(const struct job *job)
{
	return true;
}

static bool is_forward(const struct job *job)
{
	return !job->undoing;
}

static bool is_undoing(const struct job *job)
{
	return job->undoing;
}

static bool is_untouched(const struct job *job)
{
	return !job->undoing && !runner_has_swapped(job);
}

static bool has_swapped(const struct job *job)
{
	return !job->undoing && runner_has_swapped(job);
}

#define RULE(state, event, guard, action, next)                                \
	{ JOB_STATE_##state, JOB_EVENT_##event, guard, action,                 \
	  JOB_STATE_##next,  #guard,		#action }

static const struct job_rule rules[] = {
	RULE(AVAILABLE, ALLOWED, always, start_download, DOWNLOADING),
	RULE(AVAILABLE, FAILED, always, end_job, FAILED),

	RULE(DOWNLOADING, FETCHED, always, start_verify, VERIFYING),
	RULE(DOWNLOADING, FAILED, always, end_job, FAILED),

	RULE(VERIFYING, VERIFIED, always, start_backup, BACKING_UP),
	RULE(VERIFYING, LOST, always, start_download, DOWNLOADING),
	RULE(VERIFYING, FAILED, always, end_job, FAILED),

	RULE(BACKING_UP, BACKED_UP, always, start_install, INSTALLING),
	RULE(BACKING_UP, FAILED, always, end_job, FAILED),

	RULE(INSTALLING, INSTALLED, is_forward, start_restart, RESTARTING),
	RULE(INSTALLING, AWAY, is_untouched, wait_for_return, VERIFYING),
	RULE(INSTALLING, FAILED, is_untouched, end_job, FAILED),
	RULE(INSTALLING, FAILED, has_swapped, start_undo, INSTALLING),
	RULE(INSTALLING, FAILED, is_undoing, retry_undo, INSTALLING),
	RULE(INSTALLING, UNDONE, is_undoing, end_job, ROLLED_BACK),
	RULE(INSTALLING, ABANDONED, is_undoing, end_job, FAILED),

	RULE(RESTARTING, RESTARTED, is_forward, start_confirm, CONFIRMING),
	RULE(RESTARTING, FAILED, is_forward, start_undo, RESTARTING),
	RULE(RESTARTING, FAILED, is_undoing, retry_undo, RESTARTING),
	RULE(RESTARTING, UNDONE, is_undoing, end_job, ROLLED_BACK),
	RULE(RESTARTING, ABANDONED, is_undoing, end_job, FAILED),

	RULE(CONFIRMING, CONFIRMED, is_forward, end_job, SUCCEEDED),
	RULE(CONFIRMING, FAILED, is_forward, start_undo, CONFIRMING),
	RULE(CONFIRMING, FAILED, is_undoing, retry_undo, CONFIRMING),
	RULE(CONFIRMING, UNDONE, is_undoing, end_job, ROLLED_BACK),
	RULE(CONFIRMING, ABANDONED, is_undoing, end_job, FAILED),
};

const struct job_rule *job_rules(size_t *ret_count)
{
	*ret_count = OTA_ARRAY_SIZE(rules);
	return rules;
}

const char *job_event_name(enum job_event event)
{
	static const char *const names[] = {
		[JOB_EVENT_ALLOWED] = "allowed",
		[JOB_EVENT_FETCHED] = "fetched",
		[JOB_EVENT_VERIFIED] = "verified",
		[JOB_EVENT_LOST] = "lost",
		[JOB_EVENT_BACKED_UP] = "backed up",
		[JOB_EVENT_AWAY] = "away",
		[JOB_EVENT_INSTALLED] = "installed",
		[JOB_EVENT_RESTARTED] = "restarted",
		[JOB_EVENT_CONFIRMED] = "confirmed",
		[JOB_EVENT_FAILED] = "failed",
		[JOB_EVENT_UNDONE] = "undone",
		[JOB_EVENT_ABANDONED] = "abandoned",
	};

	return event < JOB_EVENT_COUNT ? names[event] : "";
}

uint64_t job_deadline_ms(const struct job *job, enum job_state state)
{
	switch (state) {
	case JOB_STATE_AVAILABLE:
		return AVAILABLE_DEADLINE_MS;
	case JOB_STATE_DOWNLOADING:
		return DOWNLOAD_DEADLINE_MS;
	case JOB_STATE_VERIFYING:
		/* Each of those before it ends by a deadline of its own. */
		return job->gate_waiting || job->away_attempts > 0 ?
			       GATE_DEADLINE_MS :
			       VERIFY_DEADLINE_MS;
	case JOB_STATE_BACKING_UP:
		return COPY_DEADLINE_MS;
	case JOB_STATE_INSTALLING:
	case JOB_STATE_RESTARTING:
		/* A command is bounded by Timeout=; copying comes on top. */
		return COPY_DEADLINE_MS + job->settings->timeout_ms;
	case JOB_STATE_CONFIRMING:
		return job->updater->config->update.confirm_timeout_ms;
	case JOB_STATE_IDLE:
	case JOB_STATE_SUCCEEDED:
	case JOB_STATE_FAILED:
	case JOB_STATE_ROLLED_BACK:
	case JOB_STATE_COUNT:
		break;
	}
	return LOOP_NEVER;
}

static const struct job_rule *find_rule(const struct job *job,
					enum job_event event)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(rules); i++)
		if (rules[i].state == job->state && rules[i].event == event &&
		    rules[i].guard(job))
			return &rules[i];
	return NULL;
}

static uint64_t deadline_ms(const struct job *job)
{
	if (job->undoing && !job_state_is_terminal(job->state))
		return COPY_DEADLINE_MS + job->settings->timeout_ms;
	return job_deadline_ms(job, job->state);
}

static void on_deadline(struct loop_source *source, void *user_data)
{
	struct job *job = user_data;
	enum ota_error_kind kind = job->state == JOB_STATE_CONFIRMING ?
					   OTA_ERROR_HEALTH_CHECK_FAILED :
					   OTA_ERROR_TIMEOUT;
	const char *trouble = runner_trouble(job);
	struct ota_error err;

	ota_fail(&err, kind, "%s took longer than %llu s%s%s",
		 job_state_name(job->state),
		 (unsigned long long)(deadline_ms(job) / 1000),
		 trouble ? ": " : "", trouble ? trouble : "");
	job_fail(job, &err);
}

static void on_retry(struct loop_source *source, void *user_data)
{
	struct job *job = user_data;

	job->retry_fn(job);
}

/* Made with the job: want of memory must not leave it without an end. */
bool job_make_timers(struct job *job, struct ota_error *err)
{
	struct loop *loop = job->updater->loop;

	job->deadline = loop_add_timer(loop, LOOP_NEVER, on_deadline, job, err);
	if (!job->deadline)
		return false;
	job->retry = loop_add_timer(loop, LOOP_NEVER, on_retry, job, err);
	return job->retry;
}

/* Every state ends, whatever its work does. */
void job_arm_deadline(struct job *job)
{
	loop_timer_set(job->deadline, deadline_ms(job));
}

void job_retry_after(struct job *job, uint64_t delay_ms,
		     void (*fn)(struct job *job))
{
	job->retry_fn = fn;
	loop_timer_set(job->retry, delay_ms);
}

void job_retry_later(struct job *job, unsigned attempt,
		     void (*fn)(struct job *job))
{
	uint64_t delay_ms = RETRY_FIRST_MS << (attempt < 16 ? attempt : 16);

	job_retry_after(job,
			delay_ms < JOB_RETRY_MAX_MS ? delay_ms :
						      JOB_RETRY_MAX_MS,
			fn);
}

static void enter(struct job *job, const struct job_rule *rule);

static void record_again(struct job *job)
{
	enter(job, job->unrecorded);
}

/*
 * The disk does not take the new state. Before the target is touched, giving up
 * is safe and frees room; after, the only way is to wait until it does.
 */
static void cannot_record(struct job *job, const struct job_rule *rule,
			  const struct ota_error *err)
{
	if (job->record_attempts == 0)
		log_error(&(struct log_context){ .job = job->id },
			  "Cannot record job %s: %s; make room, it is tried again",
			  job->id, err->text);
	job->unrecorded = rule;
	job_retry_later(job, job->record_attempts++, record_again);
}

static void set_state(struct job *job, enum job_state state)
{
	size_t *jobs_in = job->updater->jobs_in;

	jobs_in[job->state]--;
	jobs_in[state]++;
	job->state = state;
}

static bool is_before_swap(enum job_state state)
{
	return state < JOB_STATE_INSTALLING;
}

static void give_up(struct job *job, const struct ota_error *err)
{
	job_set_cause(job, err);
	job->unrecorded = NULL;
	set_state(job, JOB_STATE_FAILED);
	job_arm_deadline(job);
	runner_free_room(job);
	updater_job_changed(job);
	end_job(job);
}

static void enter(struct job *job, const struct job_rule *rule)
{
	enum job_state before = job->state;
	struct ota_error err;

	loop_timer_set(job->retry, LOOP_NEVER);
	updater_unqueue_job(job);
	job->unrecorded = NULL;
	job->to_resume = false;
	set_state(job, rule->next);
	if (rule->action == start_undo)
		job->undoing = true;
	job->changed_ms = loop_wall_ms(job->updater->loop);
	job_raise_percent(job);
	if (!runner_record(job, &err)) {
		if (is_before_swap(before)) {
			give_up(job, &err);
			return;
		}
		if (job->record_attempts < JOB_RECORD_ATTEMPTS) {
			set_state(job, before);
			cannot_record(job, rule, &err);
			return;
		}
		/* A restart finds the state before, and does this step again. */
		log_error(&(struct log_context){ .job = job->id },
			  "Job %s goes on unrecorded: %s", job->id, err.text);
	}
	job->record_attempts = 0;
	job_arm_deadline(job);
	if (job->state != before)
		updater_job_changed(job);
	/* Recording it has kept the disk, and the loop, for long enough. */
	updater_queue_step(job, rule->action);
}

void job_handle(struct job *job, enum job_event event)
{
	const struct job_rule *rule = find_rule(job, event);

	if (!rule || job->unrecorded) {
		log_debug(&(struct log_context){ .job = job->id },
			  "Job %s: late \"%s\" while %s", job->id,
			  job_event_name(event), job_state_name(job->state));
		return;
	}
	enter(job, rule);
}

void job_fail(struct job *job, const struct ota_error *cause)
{
	/* The way back has its own errors; the first cause is what is told. One
	 * that comes too late must not taint the end that is coming. */
	if (!job->unrecorded && find_rule(job, JOB_EVENT_FAILED))
		job_set_cause(job, cause);
	job_handle(job, JOB_EVENT_FAILED);
}

static void (*resume_action(const struct job *job))(struct job *)
{
	if (job->undoing && !job_state_is_terminal(job->state))
		return start_undo;
	switch (job->state) {
	case JOB_STATE_AVAILABLE:
		return wait_for_start;
	case JOB_STATE_DOWNLOADING:
		return start_download;
	case JOB_STATE_VERIFYING:
		return start_verify;
	case JOB_STATE_BACKING_UP:
		return start_backup;
	case JOB_STATE_INSTALLING:
		return resume_install;
	case JOB_STATE_RESTARTING:
	case JOB_STATE_CONFIRMING:
		return resume_trial;
	case JOB_STATE_IDLE:
	case JOB_STATE_SUCCEEDED:
	case JOB_STATE_FAILED:
	case JOB_STATE_ROLLED_BACK:
	case JOB_STATE_COUNT:
		break;
	}
	return end_job;
}

void job_resume(struct job *job)
{
	job_arm_deadline(job);
	resume_action(job)(job);
}
