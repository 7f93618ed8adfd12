"""What is broken of src/otactl."""

from mutation import Mutant

MUTANTS = [
    Mutant("a check that is waited for never fails",
           "otactl OtactlTest.test_checking_and_waiting_fails_with_what_is_offered", "src/otactl/follow.c",
           "		finish(f, f->any_failed ? CTL_FAILED : CTL_DONE);",
           "		finish(f, CTL_DONE);"),
    Mutant("a check waits for other devices",
           "otactl OtactlTest.test_checking_and_waiting_fails_with_what_is_offered", "src/otactl/cmd-update.c",
           """	follow = ctl_follow_new(ctl, module.device ? module.device : DEVICE_SELF,
				module.module, &err);
	if (!follow)
		return ctl_report(&err);
	result""",
           """	follow = ctl_follow_new(ctl, module.device,
				module.module, &err);
	if (!follow)
		return ctl_report(&err);
	result"""),
    Mutant("who was too slow is told nothing more",
           "otactl OtactlTest.test_who_was_too_slow_is_told_anew", "src/otactl/follow.c",
           """	if (reply->error || !reply->continues)
		return false;""",
           """	if (reply->error || !reply->continues) {
		finish(f, CTL_FAILED);
		return false;
	}"""),
    Mutant("what is waited in front of is shown",
           "otactl OtactlTest.test_waiting_for_what_is_queued_waits_for_that_version", "src/otactl/follow.c",
           """		if (is_wanted(f, job))
			ok = ok &&""",
           """		if (true)
			ok = ok &&"""),
    Mutant("a version is waited for in any module",
           "otactl OtactlTest.test_waiting_for_what_is_queued_is_for_one_module", "src/otactl/ended.c",
           """		if (strcmp(ctl_field(view, "module"), module) == 0 &&
		    strcmp""",
           "		if (strcmp"),
    Mutant("an answer has no bound",
           "otactl OtactlTest.test_who_answers_without_end_is_given_up", "src/otactl/client.c",
           "	if (client->size >= MAX_REPLY_BYTES)",
           "	if (false)"),
    Mutant("a list has no bound",
           "otactl OtactlTest.test_who_answers_without_end_is_given_up", "src/otactl/client.c",
           "	if (client->received_bytes > MAX_LIST_BYTES)",
           "	if (false)"),
    Mutant("an otad that is silent is waited for",
           "otactl OtactlTest.test_completion_does_not_wait_for_an_otad_that_is_silent", "src/otactl/client.c",
           "		ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;",
           "		ready = poll(&poll_fd, 1, -1);"),
    Mutant("another otad is asked for completions",
           "otactl OtactlTest.test_completion_does_not_wait_for_an_otad_that_is_silent", "src/otactl/complete.c",
           "		c->ctl->options.socket = value;",
           "		;"),
    Mutant("a terminal obeys complaints",
           "otactl OtactlTest.test_a_complaint_has_no_power_over_a_terminal", "src/otactl/otactl.c",
           "		text = ctl_clean(raw);",
           "		text = strdup(raw);"),
    Mutant("a terminal obeys tables",
           "otactl OtactlTest.test_what_is_told_has_no_power_over_a_terminal", "src/otactl/table.c",
           "		row->cells[i] = ctl_clean(texts[i] && *texts[i] ? texts[i] : NOTHING);",
           "		row->cells[i] = strdup(texts[i] && *texts[i] ? texts[i] : NOTHING);"),
    Mutant("otactl shows failures that were rolled back",
           "otactl OtactlTest.test_counts_stand_beside_their_names", "src/otactl/cmd-history.c",
           """	put_stat(stats, "updates failed", "failed", STAT_COUNT);""",
           """	put_stat(stats, "updates failed", "rolled_back", STAT_COUNT);"""),
    Mutant("a clock that was set makes updates short",
           "otactl OtactlTest.test_history_says_what_happened_and_why", "src/otactl/cmd-history.c",
           "	if (started_ms > 0 && ended_ms >= started_ms)",
           "	if (started_ms > 0)"),
    Mutant("the modules of a status are a number",
           "otactl OtactlTest.test_status_says_what_is_not", "src/otactl/cmd-status.c",
           """	if (json_add(status, "modules", json_object_get(modules)) &&
	    ctl_put_json(status))""",
           "	if (ctl_put_json(status))"),
    Mutant("who is not connected is",
           "otactl OtactlTest.test_status_says_what_is_not", "src/otactl/cmd-status.c",
           """"%sconnected to %s%s%s", connected ? "" : "not ",""",
           """"%sconnected to %s%s%s", connected ? "" : "","""),
    Mutant("among many devices failures are not shown",
           "otactl OtactlTest.test_status_of_many_devices_shows_what_went_wrong", "src/otactl/cmd-status.c",
           "	return job && !ctl_job_is_good(job);",
           "	return job && !ctl_job_is_ended(job);"),
    Mutant("what is waited for hides what went wrong",
           "otactl OtactlTest.test_status_of_many_devices_shows_what_went_wrong", "src/otactl/job.c",
           """	if (*error)
		return asprintf""",
           """	if (*error && !*waiting)
		return asprintf"""),
    Mutant("all devices are one",
           "otactl OtactlTest.test_one_device_is_listed_alone", "src/otactl/cmd-device.c",
           """	return !ctl->options.device ||
	       strcmp(ctl->options.device, ctl_field(device, "name")) == 0;""",
           "	return true;"),
    Mutant("an unknown state is an end",
           "otactl OtactlTest.test_a_state_of_a_newer_otad_is_no_end", "src/otactl/job.c",
           "								  JOB_STATE_IDLE;",
           "								  JOB_STATE_FAILED;"),
    Mutant("more than 100 percent are shown",
           "otactl OtactlTest.test_a_line_is_written_for_each_change_of_what_it_says", "src/otactl/job.c",
           "	return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;",
           "	return (unsigned)percent;"),
    Mutant("another message is no change",
           "otactl OtactlTest.test_a_line_is_written_for_each_change_of_what_it_says", "src/otactl/view.c",
           """"state", "message", "waiting", "error" };""",
           """"state", "waiting", "error" };"""),
    Mutant("more than all takes for ever",
           "otactl OtactlTest.test_more_than_all_takes_no_time", "src/otactl/job.c",
           """ || rate <= 0 || received < 0 ||
	    total < received)""",
           " || rate <= 0)"),
    Mutant("an hour and a half is one hour",
           "otactl-text", "src/otactl/text.c",
           "	} else if (ms >= 2 * MS_PER_H) {",
           "	} else if (ms >= MS_PER_H) {"),
]
