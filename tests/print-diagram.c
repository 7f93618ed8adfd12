/*
 * Prints the state diagram of a job, from the code's own table, in the form
 * that docs/architecture.md holds between its markers.
 */

#include <stdio.h>
#include <string.h>

#include "../src/update/machine.h"

static const char *name(enum job_state state)
{
	static char buffer[32];

	snprintf(buffer, sizeof(buffer), "%s", job_state_name(state));
	for (char *c = strchr(buffer, '-'); c; c = strchr(c, '-'))
		*c = '_';
	return buffer;
}

int main(void)
{
	size_t count;
	const struct job_rule *rules = job_rules(&count);

	printf("stateDiagram-v2\n    [*] --> %s: offer\n",
	       name(JOB_STATE_AVAILABLE));
	for (size_t i = 0; i < count; i++) {
		const struct job_rule *rule = &rules[i];
		bool always = strcmp(rule->guard_name, "always") == 0;

		printf("    %s", name(rule->state));
		printf(" --> %s: %s%s%s%s / %s\n", name(rule->next),
		       job_event_name(rule->event), always ? "" : " [",
		       always ? "" : rule->guard_name, always ? "" : "]",
		       rule->action_name);
	}
	for (enum job_state s = JOB_STATE_SUCCEEDED; s < JOB_STATE_COUNT; s++)
		printf("    %s --> [*]\n", name(s));
	return 0;
}
