#include "health.h"

#include <stdio.h>
#include <string.h>

#include "otad/base/loop.h"
#include "otad/base/units.h"

#include "command.h"
#include "installation.h"

#define ASK_SERVICE_MS 1000
#define CHECK_AGAIN_MS 2000

static void next_look(struct installation *in);

static void on_time(struct loop_source *timer, void *user_data)
{
	struct installation *in = user_data;

	in->timer = loop_source_free(timer);
	next_look(in);
}

static void look_again(struct installation *in, uint64_t delay_ms)
{
	struct ota_error err;

	if (!installation_wait(in, delay_ms, on_time, &err))
		installation_end(in, &err);
}

/* Milliseconds of HealthPeriod= that are left when it began at `since_ms`. */
static uint64_t period_left(const struct installation *in, uint64_t since_ms)
{
	uint64_t passed = loop_now_ms(in->env->loop) - since_ms;
	uint64_t period = in->settings->health_period_ms;

	return passed < period ? period - passed : 0;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void note_trouble(struct installation *in, const char *text)
{
	snprintf(in->trouble, sizeof(in->trouble), "%s", text);
}

/* ---- HealthCheck= ---- */

static void checked(struct installation *in, const struct ota_error *err)
{
	uint64_t left = 0;

	if (err) {
		note_trouble(in, err->text);
		look_again(in, CHECK_AGAIN_MS);
		return;
	}
	in->trouble[0] = '\0';
	/* A service was watched for that long before. */
	if (!in->settings->service)
		left = period_left(in, in->health.begin_ms);
	if (left > 0)
		look_again(in, at_most(left, CHECK_AGAIN_MS));
	else
		installation_end(in, NULL);
}

static void run_check(struct installation *in)
{
	struct command command = {
		.key = "HealthCheck=",
		.shell = in->settings->health_check,
		.file = in->target.path,
		.kind = OTA_ERROR_HEALTH_CHECK_FAILED,
	};

	command_run(in, &command, checked);
}

/* ---- Service= ---- */

static void keep_number(const char *text, uint64_t *number)
{
	units_parse_number(text, 0, UINT64_MAX, number);
}

static void on_line(struct process *process, const char *line, void *user_data)
{
	struct installation *in = user_data;
	struct service_state *seen = &in->health.seen;

	if (strncmp(line, "ActiveState=", 12) == 0)
		snprintf(seen->active, sizeof(seen->active), "%s", line + 12);
	else if (strncmp(line, "SubState=", 9) == 0)
		snprintf(seen->sub, sizeof(seen->sub), "%s", line + 9);
	else if (strncmp(line, "NRestarts=", 10) == 0)
		keep_number(line + 10, &seen->restarts);
	else if (strncmp(line, "MainPID=", 8) == 0)
		keep_number(line + 8, &seen->main_pid);
}

static bool unhealthy(const struct installation *in, const char *what,
		      struct ota_error *err)
{
	return ota_fail(err, OTA_ERROR_HEALTH_CHECK_FAILED, "%s %s",
			in->settings->service, what);
}

/* False for good: what would only get worse is not waited for. */
static bool check_service(struct installation *in, struct ota_error *err)
{
	struct health *health = &in->health;
	const struct service_state *seen = &health->seen;
	bool inactive = strcmp(seen->active, "inactive") == 0;

	if (strcmp(seen->active, "failed") == 0)
		return unhealthy(in, "failed", err);
	if (inactive && health->was_active)
		return unhealthy(in, "ended", err);
	if (strcmp(seen->sub, "auto-restart") == 0 ||
	    (health->restarted && seen->restarts > 0) ||
	    (health->was_active &&
	     (seen->restarts > health->first.restarts ||
	      seen->main_pid != health->first.main_pid)))
		return unhealthy(in, "ended and had to be restarted", err);
	/* A Restart= of its own may take a moment to get there. */
	if (inactive && period_left(in, health->begin_ms) == 0)
		return unhealthy(in, "does not run", err);
	return true;
}

static void judge(struct installation *in)
{
	struct health *health = &in->health;
	uint64_t left;

	if (strcmp(health->seen.active, "active") != 0) {
		snprintf(in->trouble, sizeof(in->trouble), "%s is %s",
			 in->settings->service,
			 health->seen.active[0] ? health->seen.active :
						  "in a state systemctl does not tell");
		look_again(in, ASK_SERVICE_MS);
		return;
	}
	if (!health->was_active) {
		health->was_active = true;
		health->active_ms = loop_now_ms(in->env->loop);
		health->first = health->seen;
	}
	left = period_left(in, health->active_ms);
	if (left > 0)
		look_again(in, at_most(left, ASK_SERVICE_MS));
	else if (in->settings->health_check)
		run_check(in);
	else
		installation_end(in, NULL);
}

static void shown(struct process *process, const struct process_result *result,
		  void *user_data)
{
	struct installation *in = user_data;
	struct ota_error err;
	bool ok = process_result_check(result, "systemctl show",
				       OTA_ERROR_HEALTH_CHECK_FAILED, &err);

	in->process = process_free(process);
	if (!ok) {
		/* The service manager itself may be busy restarting. */
		note_trouble(in, err.text);
		look_again(in, ASK_SERVICE_MS);
	} else if (!check_service(in, &err)) {
		installation_end(in, &err);
	} else {
		judge(in);
	}
}

static void ask_service(struct installation *in)
{
	const char *argv[] = { "systemctl", "show", "-p",
			       "ActiveState,SubState,NRestarts,MainPID",
			       in->settings->service, NULL };
	struct ota_error err;

	in->health.seen = (struct service_state){ 0 };
	if (!installation_spawn(in, argv, NULL, "systemctl show", on_line,
				shown, &err)) {
		err.kind = OTA_ERROR_HEALTH_CHECK_FAILED;
		installation_end(in, &err);
	}
}

static void next_look(struct installation *in)
{
	if (in->settings->service)
		ask_service(in);
	else
		run_check(in);
}

void health_confirm(struct installation *in)
{
	struct health *health = &in->health;
	struct ota_error err;

	*health = (struct health){
		.restarted = health->restarted,
		.begin_ms = loop_now_ms(in->env->loop),
	};
	if (!target_look(in, &err))
		installation_end(in, &err);
	else if (in->settings->service || in->settings->health_check)
		next_look(in);
	else
		installation_end(in, NULL);
}
