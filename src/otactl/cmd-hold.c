#include "commands.h"

#include "otad/base/json.h"

#include "otactl.h"
#include "text.h"
#include "when.h"

static struct json_object *make_hold(const char *reason, int64_t until_ms)
{
	struct json_object *hold = json_new_object();

	if (hold && json_add_string(hold, "reason", reason) &&
	    (until_ms == 0 || json_add_int(hold, "until_ms", until_ms)))
		return hold;
	return json_free(hold);
}

static int call_and_tell(struct ctl *ctl, const char *method,
			 struct json_object *parameters, const char *words)
{
	OTA_CLEANUP(json_freep) struct json_object *reply = NULL;
	struct ota_error err = OTA_ERROR_INIT;

	reply = ctl_call(ctl, method, parameters, &err);
	if (!reply)
		return ctl_report(&err);
	if (ctl->options.json)
		ctl_put_json(reply);
	else
		printf("%s\n", words);
	return CTL_DONE;
}

int ctl_run_hold(struct ctl *ctl)
{
	const char *reason = ctl->n_args > 0 ? ctl->args[0] : NULL;
	const char *until = ctl->options.until;
	int64_t now_ms = ctl_now_ms();
	int64_t until_ms = 0;
	char time[CTL_SHORT_TEXT];
	char words[80] = "held until 'otactl release'";
	struct json_object *hold;

	if (until && !ctl_parse_until(until, now_ms, &until_ms))
		return ctl_usage(ctl, "'%s' is no time: 22:30, "
				      "\"2026-11-21 22:30\", 2h", until);
	if (until && until_ms <= now_ms)
		return ctl_usage(ctl, "'%s' is over", until);
	if (until)
		snprintf(words, sizeof(words), "held until %s",
			 ctl_format_time(until_ms, time));
	hold = make_hold(reason, until_ms);
	if (hold)
		return call_and_tell(ctl, "Hold", hold, words);
	ctl_complain("out of memory");
	return CTL_FAILED;
}

int ctl_run_release(struct ctl *ctl)
{
	return call_and_tell(ctl, "Release", NULL, "released");
}
