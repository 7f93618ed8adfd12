/*
 * Prints the tables of docs/reliability.md, section "Never stuck, never
 * endless", from the code: what ends each state of a job, what follows a
 * failure in it, and what each answer of a file server leads to.
 */

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "otad/config/config.h"
#include "otad/model/device.h"

#include "../src/fetch/headers.h"
#include "../src/fetch/limits.h"
#include "../src/fetch/outcome.h"
#include "../src/update/job.h"
#include "../src/update/machine.h"
#include "../src/update/runner.h"
#include "../src/update/updater-private.h"

/* As the configuration has it when the keys are left out. */
#define CONFIRM_TIMEOUT_MS (5 * 60 * UINT64_C(1000))

static void print_time(uint64_t ms)
{
	uint64_t minutes = ms / 60000;

	if (minutes % (24 * 60) == 0)
		printf("%" PRIu64 " d", minutes / (24 * 60));
	else if (minutes >= 60)
		printf("%" PRIu64 " h %" PRIu64 " min", minutes / 60,
		       minutes % 60);
	else
		printf("%" PRIu64 " min", minutes);
}

static void print_failures(enum job_state state)
{
	size_t count;
	const struct job_rule *rules = job_rules(&count);
	const char *separator = "";

	for (size_t i = 0; i < count; i++) {
		const struct job_rule *rule = &rules[i];

		if (rule->state != state ||
		    (rule->event != JOB_EVENT_FAILED &&
		     rule->event != JOB_EVENT_LOST &&
		     rule->event != JOB_EVENT_AWAY))
			continue;
		printf("%s", separator);
		if (strcmp(rule->guard_name, "always") != 0)
			printf("`%s`: ", rule->guard_name);
		printf("%s → `%s`, %s", job_event_name(rule->event),
		       rule->action_name, job_state_name(rule->next));
		separator = "; ";
	}
}

static void print_states(void)
{
	struct config config = {
		.update.confirm_timeout_ms = CONFIRM_TIMEOUT_MS,
	};
	struct module_settings settings = {
		.timeout_ms = MODULE_TIMEOUT_DEFAULT_MS,
	};
	struct updater updater = { .config = &config };
	struct job job = { .updater = &updater, .settings = &settings };

	printf("| state | at the latest after | on a failure, the deadline's too |\n");
	printf("| --- | --- | --- |\n");
	for (enum job_state s = JOB_STATE_AVAILABLE; s < JOB_STATE_SUCCEEDED;
	     s++) {
		printf("| %s | ", job_state_name(s));
		print_time(job_deadline_ms(&job, s));
		if (s == JOB_STATE_VERIFYING) {
			job.gate_waiting = true;
			printf(", then for its turn ");
			print_time(job_deadline_ms(&job, s));
			job.gate_waiting = false;
		}
		printf(" | ");
		print_failures(s);
		printf(" |\n");
	}
}

static void print_retries(void)
{
	unsigned attempts = 10; /* Attempts= */

	printf("\n| what is tried again | attempts | time between them | then |\n");
	printf("| --- | --- | --- | --- |\n");
	printf("| a download (bytes: four times the size and 64 MiB) | `Attempts=` (%u) in a row without 1 MiB, a hundred times that in all | %" PRIu64 " s doubled to %" PRIu64 " s, a fifth of jitter; `Retry-After` up to %" PRIu64 " s | the job fails |\n",
	       attempts, fetch_default_limits.backoff_first_ms / 1000,
	       fetch_default_limits.backoff_max_ms / 1000,
	       fetch_default_limits.retry_after_max_ms / 1000);
	printf("| a verified artifact that is gone | %d | none | the job fails |\n",
	       JOB_MAX_REFETCHES);
	printf("| putting the old version back | %d | 1 s doubled to %" PRIu64 " s | the job fails and says that it needs a person |\n",
	       UNDO_ATTEMPTS, JOB_RETRY_MAX_MS / 1000);
	printf("| the same, when a handler, `Restart=` or `Reload=` refuses | %d | the same | likewise; rolled back, where the old file is in place |\n",
	       UNDO_COMMAND_ATTEMPTS);
	printf("| a device that is away (its handler exits with 75) | until `AwayTimeout=` is over | 1 s doubled to 15 min | the job fails |\n");
	printf("| recording a state, target touched | %d | 1 s doubled to %" PRIu64 " s | it goes on; a restart does the step again |\n",
	       JOB_RECORD_ATTEMPTS, JOB_RETRY_MAX_MS / 1000);
	printf("| a line of the history | %d | 1 s doubled to %" PRIu64 " s | without it |\n",
	       HISTORY_ATTEMPTS, JOB_RETRY_MAX_MS / 1000);
	printf("| removing the file of an ended job | %d | 1 s doubled to %" PRIu64 " s | the next start ends it again |\n",
	       FORGET_ATTEMPTS, JOB_RETRY_MAX_MS / 1000);
}

static void print_outcome(const char *what, const struct transfer_result *result)
{
	printf("| %s | `%s` | %s |\n", what,
	       ota_error_kind_name(result->err.kind),
	       !result->may_retry      ? "fails at once" :
	       result->retry_after_ms ? "again, not before `Retry-After`" :
					"again");
}

static void print_answers(void)
{
	static const unsigned statuses[] = { 400, 401, 403, 404, 408, 410,
					     425, 429, 451, 500, 502, 503, 504 };
	static const struct {
		CURLcode code;
		const char *what;
	} faults[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, "no such host" },
		{ CURLE_COULDNT_CONNECT, "no connection" },
		{ CURLE_PEER_FAILED_VERIFICATION, "a wrong certificate" },
		{ CURLE_RECV_ERROR, "the connection breaks" },
		{ CURLE_PARTIAL_FILE, "the answer ends too early" },
		{ CURLE_OPERATION_TIMEDOUT, "nothing comes in time" },
		{ CURLE_OUT_OF_MEMORY, "no memory" },
	};
	struct transfer_result result;
	char what[32];

	printf("\n| the file server | error | and then |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < OTA_ARRAY_SIZE(statuses); i++) {
		struct response response;

		response_reset(&response);
		response.status = statuses[i];
		response.retry_after_ms = 1000;
		snprintf(what, sizeof(what), "answers %u", statuses[i]);
		outcome_of_status(&response, "https://h/", &result);
		print_outcome(what, &result);
	}
	for (size_t i = 0; i < OTA_ARRAY_SIZE(faults); i++) {
		outcome_of_curl(faults[i].code, "", "https://h/", &result);
		print_outcome(faults[i].what, &result);
	}
}

int main(void)
{
	print_states();
	print_retries();
	print_answers();
	return 0;
}
