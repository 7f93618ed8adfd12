/* Type=exec: a program of the user's puts the artifact in place. */

#include <errno.h>
#include <stdio.h>
#include <stddef.h>

#include "otad/base/loop.h"

#include "environment.h"
#include "handler.h"
#include "installation.h"

/* After "not now" of `health`. */
#define HEALTH_AGAIN_MS 5000

struct action {
	const char *name;
	bool optional;
	enum ota_error_kind kind;
};

static const struct action check_action = { "check", true,
					    OTA_ERROR_INSTALL_FAILED };
static const struct action install_action = { "install", false,
					      OTA_ERROR_INSTALL_FAILED };
static const struct action health_action = { "health", true,
					     OTA_ERROR_HEALTH_CHECK_FAILED };
static const struct action rollback_action = { "rollback", false,
					       OTA_ERROR_INSTALL_FAILED };

static bool prepare(struct installation *in, struct ota_error *err)
{
	return in->settings->handler ||
	       ota_fail(err, OTA_ERROR_INCOMPATIBLE, "%s has no Handler=",
			in->title);
}

static void on_line(struct process *process, const char *line, void *user_data)
{
	struct installation *in = user_data;
	unsigned percent;

	if (in->on_progress && handler_parse_progress(line, &percent))
		in->on_progress(in, percent, in->user_data);
}

static void on_handler_exit(struct process *process,
			    const struct process_result *result,
			    void *user_data)
{
	struct installation *in = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	bool ok = handler_check(result, in->command_name, in->action->optional,
				in->action->kind, &err);

	in->process = process_free(process);
	in->command_next(in, ok ? NULL : &err);
}

static void run_handler(struct installation *in, const struct action *action,
			install_next_fn next)
{
	const char *argv[] = { in->settings->handler, action->name, NULL };
	struct ota_error err;
	OTA_CLEANUP(environment_freep) struct environment *environment =
		environment_of(in, in->artifact, &err);

	in->action = action;
	in->command_next = next;
	snprintf(in->command_name, sizeof(in->command_name),
		 "handler \"%s\" of %s", action->name, in->title);
	if (environment &&
	    installation_spawn(in, argv, environment, in->command_name, on_line,
			       on_handler_exit, &err))
		return;
	/* A handler that is missing is a failure of the job, as it were there. */
	if (err.sys_errno != ENOMEM)
		err.kind = action->kind;
	next(in, &err);
}

static void check(struct installation *in)
{
	run_handler(in, &check_action, installation_end);
}

static void installed(struct installation *in, const struct ota_error *err)
{
	struct ota_error why;

	/* "Not now": it did nothing yet. */
	if (err && err->kind == OTA_ERROR_BUSY)
		in->touched = false;
	if (!err) {
		in->record.installed = true;
		if (!install_record_write(in, &why))
			err = &why;
	}
	installation_end(in, err);
}

static void install(struct installation *in)
{
	in->touched = true;
	run_handler(in, &install_action, installed);
}

static void on_health_time(struct loop_source *timer, void *user_data);

static void judged(struct installation *in, const struct ota_error *err)
{
	struct ota_error why;

	if (!err || err->kind != OTA_ERROR_BUSY) {
		installation_end(in, err);
		return;
	}
	snprintf(in->trouble, sizeof(in->trouble), "%s", err->text);
	if (!installation_wait(in, HEALTH_AGAIN_MS, on_health_time, &why))
		installation_end(in, &why);
}

static void confirm(struct installation *in)
{
	run_handler(in, &health_action, judged);
}

static void on_health_time(struct loop_source *timer, void *user_data)
{
	struct installation *in = user_data;

	in->timer = loop_source_free(timer);
	confirm(in);
}

static void rolled_back(struct installation *in, const struct ota_error *err)
{
	if (!err) {
		in->touched = false;
		in->record.installed = false;
	}
	installation_end(in, err);
}

static void roll_back(struct installation *in)
{
	run_handler(in, &rollback_action, rolled_back);
}

static void clean(struct installation *in)
{
	struct ota_error err;

	installation_end(in, install_record_remove(in, &err) ? NULL : &err);
}

/*
 * An `install` that was cut short is run once more; one that failed may have
 * changed anything, and has to be rolled back.
 */
static enum install_found inspect(struct installation *in,
				  struct ota_error *why)
{
	return in->touched || in->record.installed ? INSTALL_FOUND_SWAPPED :
						     INSTALL_FOUND_UNTOUCHED;
}

/* Whether there is one, its `rollback` says. */
static bool has_backup(const struct installation *in)
{
	return true;
}

const struct installer_ops exec_installer = {
	.prepare = prepare,
	.stage = target_verify_artifact,
	.check = check,
	.swap = install,
	.confirm = confirm,
	.roll_back = roll_back,
	.clean = clean,
	.inspect = inspect,
	.has_backup = has_backup,
};
