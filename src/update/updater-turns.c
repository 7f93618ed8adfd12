#include <string.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/units.h"
#include "otad/base/version.h"

#include "artifact.h"
#include "gate.h"
#include "machine.h"
#include "policy.h"
#include "runner.h"
#include "updater-private.h"

/* Waiting by the clock: the clock itself may be set meanwhile. */
#define WAKE_MAX_MS (10 * 60 * 1000)

/* ---- who waits ---- */

static void enqueue(struct job_queue *queue, struct job *job)
{
	struct job *first = TAILQ_FIRST(queue);

	/* The gateway has a handful of modules, and does not wait for others. */
	while (first && !job_is_of_sub_device(job) &&
	       !job_is_of_sub_device(first))
		first = TAILQ_NEXT(first, in_queue);
	if (first && !job_is_of_sub_device(job))
		TAILQ_INSERT_BEFORE(first, job, in_queue);
	else
		TAILQ_INSERT_TAIL(queue, job, in_queue);
	job->queue = queue;
}

void updater_queue_job(struct job *job)
{
	updater_unqueue_job(job);
	enqueue(&job->updater->available, job);
	updater_wake_jobs(job->updater);
}

static bool is_gate_open(const struct job *job, const char **ret_reason)
{
	const struct updater *updater = job->updater;

	return gate_is_open(&updater->gate, job,
			    updater->config->update.wave_size, ret_reason);
}

void updater_queue_at_gate(struct job *job)
{
	const char *reason;

	updater_unqueue_job(job);
	enqueue(&job->updater->gate_queue, job);
	gate_wait(&job->updater->gate, job);
	if (!is_gate_open(job, &reason))
		updater_job_waits(job, reason);
	updater_wake_jobs(job->updater);
}

void updater_unqueue_job(struct job *job)
{
	struct updater *updater = job->updater;

	if (!job->queue)
		return;
	if (updater->look.next == job)
		updater->look.next = TAILQ_NEXT(job, in_queue);
	TAILQ_REMOVE(job->queue, job, in_queue);
	job->queue = NULL;
	gate_leave_queue(&updater->gate, job);
	job->hold_reason = NULL;
}

/* ---- one step after the other ---- */

void updater_queue_step(struct job *job, void (*step)(struct job *job))
{
	updater_unqueue_job(job);
	enqueue(&job->updater->stepping, job);
	job->step = step;
	loop_defer_again(job->updater->steps);
}

/* ---- letting them start ---- */

/* What all who wait are measured by, gathered once for many of them. */
static struct policy_facts gather_facts(const struct updater *updater)
{
	const struct config_update *update = &updater->config->update;
	int64_t now_ms = loop_wall_ms(updater->loop);

	return (struct policy_facts){
		.update = update,
		.download = &updater->config->download,
		.now_ms = now_ms,
		.window_wait_ms = time_window_wait_ms(&update->window, now_ms),
		.held = updater->held,
		.hold_until_ms = updater->hold_until_ms,
	};
}

static void note_wait(struct updater *updater, uint64_t wait_ms)
{
	if (wait_ms < updater->look.wake_ms)
		updater->look.wake_ms = wait_ms;
}

/* False: nor may any behind it, until those that were let start have begun to
 * download. */
static bool let_start(struct job *job, struct policy_facts *facts)
{
	struct updater *updater = job->updater;
	const struct artifact_store *artifacts = updater->artifacts;
	const char *reason;
	struct ota_error err;
	uint64_t wait_ms;

	facts->transfers = artifact_store_transfers(artifacts);
	facts->artifact_here = artifact_store_has(artifacts, job->offer);
	reason = policy_wait(facts, job->offer, job->approved, &wait_ms);
	if (reason) {
		note_wait(updater, wait_ms);
		updater_job_waits(job, reason);
		return true;
	}
	if (updater->look.starting && !facts->artifact_here) {
		updater->look.again = true;
		return false;
	}
	updater_unqueue_job(job);
	if (runner_may_go_on(job, &err))
		job_handle(job, JOB_EVENT_ALLOWED);
	else
		job_fail(job, &err);
	/* What it does next is a step of its own. */
	updater->look.starting |= !facts->artifact_here &&
				  !TAILQ_EMPTY(&updater->stepping);
	return true;
}

/* False: neither may any behind it, and all of those know why. */
static bool let_through(struct job *job)
{
	const char *reason, *known = job->hold_reason;
	struct ota_error err;

	if (!is_gate_open(job, &reason)) {
		updater_job_waits(job, reason);
		return !job_is_of_sub_device(job) || known != reason;
	}
	updater_unqueue_job(job);
	if (!runner_may_go_on(job, &err)) {
		job_fail(job, &err);
		return true;
	}
	gate_enter(&job->updater->gate, job);
	job_handle(job, JOB_EVENT_VERIFIED);
	return true;
}

static bool is_over(const struct updater *updater, uint64_t begin_ms)
{
	return loop_now_ms(updater->loop) - begin_ms >= UPDATER_SLICE_MS;
}

static void take_steps(struct loop_source *source, void *user_data)
{
	struct updater *updater = user_data;
	uint64_t begin_ms = loop_now_ms(updater->loop);
	struct job *job;

	while ((job = TAILQ_FIRST(&updater->stepping))) {
		if (is_over(updater, begin_ms)) {
			loop_defer_again(source);
			return;
		}
		updater_unqueue_job(job);
		job->step(job);
	}
	updater->look.starting = false;
}

/* False: the time of this turn is used up; `look.next` is where to go on. */
static bool look_at_available(struct updater *updater, uint64_t begin_ms)
{
	struct policy_facts facts = gather_facts(updater);
	struct job *job;

	while ((job = updater->look.next)) {
		if (is_over(updater, begin_ms))
			return false;
		updater->look.next = TAILQ_NEXT(job, in_queue);
		if (!let_start(job, &facts))
			break;
	}
	return true;
}

static bool look_at_gate(struct updater *updater, uint64_t begin_ms)
{
	struct job *job;

	while ((job = updater->look.next)) {
		if (is_over(updater, begin_ms))
			return false;
		updater->look.next = TAILQ_NEXT(job, in_queue);
		if (!let_through(job))
			break;
	}
	updater->look.next = NULL;
	return true;
}

static bool hold_has_ended(const struct updater *updater)
{
	return updater->held && updater->hold_until_ms > 0 &&
	       loop_wall_ms(updater->loop) >= updater->hold_until_ms;
}

static void begin_look(struct updater *updater)
{
	int64_t now_ms = loop_wall_ms(updater->loop);
	struct ota_error err;

	if (hold_has_ended(updater) && !updater_release(updater, &err))
		log_error(NULL, "%s", err.text);
	updater->look.under_way = LOOK_AVAILABLE;
	updater->look.again = false;
	updater->look.next = TAILQ_FIRST(&updater->available);
	updater->look.wake_ms = LOOP_NEVER;
	if (updater->held && updater->hold_until_ms > now_ms)
		note_wait(updater, (uint64_t)(updater->hold_until_ms - now_ms));
}

static void end_look(struct updater *updater)
{
	uint64_t wake_ms = updater->look.wake_ms;

	updater->look.under_way = LOOK_NONE;
	if (wake_ms != LOOP_NEVER && wake_ms > WAKE_MAX_MS)
		wake_ms = WAKE_MAX_MS;
	loop_timer_set(updater->wake, wake_ms);
	if (updater->look.again)
		loop_defer_again(updater->sweep);
}

static void look_at_jobs(struct loop_source *source, void *user_data)
{
	struct updater *updater = user_data;
	uint64_t begin_ms = loop_now_ms(updater->loop);
	bool done = true;

	if (updater->look.under_way == LOOK_NONE)
		begin_look(updater);
	if (updater->look.under_way == LOOK_AVAILABLE) {
		done = look_at_available(updater, begin_ms);
		if (done) {
			updater->look.under_way = LOOK_GATE;
			updater->look.next = TAILQ_FIRST(&updater->gate_queue);
		}
	}
	if (done)
		done = look_at_gate(updater, begin_ms);
	if (done)
		end_look(updater);
	else
		loop_defer_again(updater->sweep);
}

static void on_wake(struct loop_source *source, void *user_data)
{
	updater_wake_jobs(user_data);
}

void updater_wake_jobs(struct updater *updater)
{
	updater->look.again = true;
	loop_defer_again(updater->sweep);
}

/* ---- going on after a start ---- */

/* A package has brought another otad meanwhile, not older than the offer. */
static bool is_outdated(const struct job *job)
{
	const char *running = job->updater->env.self.version;

	return installer_restarts_self(job->settings->type) &&
	       job->state < JOB_STATE_INSTALLING && job->old_version &&
	       strcmp(job->old_version, running) != 0 &&
	       version_compare(job->offer->version, running) <= 0;
}

static void end_outdated(struct job *job)
{
	struct ota_error why;

	ota_fail(&why, OTA_ERROR_DOWNGRADE_REFUSED,
		 "version %s is not newer than %s, which a package has brought meanwhile",
		 job->offer->version, job->updater->env.self.version);
	job_fail(job, &why);
}

static void resume(struct job *job)
{
	job->to_resume = false;
	log_notice(&(struct log_context){ .job = job->id,
					  .device = job->offer->device,
					  .module = job->offer->module },
		   "Going on with %s %s, %s", job->offer->module,
		   job->offer->version, job_state_name(job->state));
	if (is_outdated(job))
		end_outdated(job);
	else
		job_resume(job);
}

static void on_resume(struct loop_source *source, void *user_data)
{
	struct updater *updater = user_data;
	uint64_t begin_ms = loop_now_ms(updater->loop);
	struct job *job;

	while ((job = updater->next_resume)) {
		if (is_over(updater, begin_ms)) {
			loop_defer_again(updater->resume);
			return;
		}
		updater->next_resume = job->next;
		/* Somebody may have been faster, to cancel it say. */
		if (job->to_resume)
			resume(job);
	}
}

/* The gateway's own at once: otad's trial is judged after that. */
void updater_resume_jobs(struct updater *updater)
{
	struct job *next;

	for (struct job *job = updater->jobs; job; job = next) {
		next = job->next;
		if (!job_is_of_sub_device(job))
			resume(job);
	}
	updater->next_resume = updater->jobs;
	loop_defer_again(updater->resume);
}

bool updater_make_turns(struct updater *updater, struct ota_error *err)
{
	TAILQ_INIT(&updater->available);
	TAILQ_INIT(&updater->gate_queue);
	TAILQ_INIT(&updater->stepping);
	updater->wake = loop_add_timer(updater->loop, LOOP_NEVER, on_wake,
				       updater, err);
	updater->sweep = loop_add_defer(updater->loop, look_at_jobs, updater,
					err);
	updater->resume = loop_add_defer(updater->loop, on_resume, updater, err);
	updater->steps = loop_add_defer(updater->loop, take_steps, updater, err);
	return updater->wake && updater->sweep && updater->resume &&
	       updater->steps;
}

void updater_free_turns(struct updater *updater)
{
	updater->wake = loop_source_free(updater->wake);
	updater->sweep = loop_source_free(updater->sweep);
	updater->resume = loop_source_free(updater->resume);
	updater->steps = loop_source_free(updater->steps);
}
