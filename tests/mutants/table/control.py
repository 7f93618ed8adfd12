"""What is broken of src/control."""

from mutation import Mutant

MUTANTS = [
    Mutant("where there is no group, that of root is trusted",
           "control-limits", "src/control/peer.c",
           """	if (!rules->has_group)
		return true;
""",
           ""),
    Mutant("a stranger finds a place behind the last",
           "control-limits", "src/control/server.c",
           """	if (control->n_clients >= CONTROL_MAX_CLIENTS)
		return false;
	if (peer->trusted)
		return true;""",
           """	if (peer->trusted && control->n_clients < CONTROL_MAX_CLIENTS)
		return true;"""),
    Mutant("strangers together take all places",
           "control-limits", "src/control/server.c",
           """	return strangers < CONTROL_MAX_STRANGERS &&
""",
           """	return strangers + 1 > 0 &&
"""),
    Mutant("who is turned away stays connected",
           "control-limits", "src/control/server.c",
           """		turn_away(control, fd, &peer);
		close(fd);""",
           "		turn_away(control, fd, &peer);"),
    Mutant("an otad that is busy loses its socket",
           "control-limits", "src/control/listen.c",
           """sizeof(address)) == 0 ||
	    errno == EAGAIN)""",
           "sizeof(address)) == 0)"),
    Mutant("a client that is idle holds memory",
           "control-limits", "src/control/buffer.c",
           """		buffer_done(buffer);
		return;""",
           """		buffer->start += buffer->size;
		buffer->size = 0;
		return;"""),
    Mutant("mistakes of clients fill the log",
           "control-time", "src/control/server.c",
           """	if (control->complained_ms != 0 &&
	    now_ms < control->complained_ms + CONTROL_COMPLAINT_MS)
		return;
""",
           ""),
    Mutant("a long list does not wait for its reader",
           "control", "src/control/client.c",
           """ &&
		       client->out.size <= CONTROL_LOW_OUT_BYTES;""",
           ";"),
    Mutant("a reply has no bound",
           "control", "src/control/client.c",
           "			     CONTROL_MAX_OUT_BYTES - client->out.size, err);",
           "			     SIZE_MAX, err);"),
    Mutant("a reply too long ends the connection",
           "control", "src/control/call.c",
           """	if (err.kind == OTA_ERROR_NO_SPACE &&
""",
           """	if (false &&
"""),
    Mutant("a watch begins with other modules, too",
           "control", "src/control/stream.c",
           """		    !control_stream_matches(walk->stream, view->job))
			return true;""",
           """		    false)
			return true;"""),
    Mutant("a watch of one module hears of others",
           "control", "src/control/stream.c",
           """	return is_wanted(stream->device, job->device) &&
	       is_wanted(stream->module, job->module);""",
           "	return is_wanted(stream->device, job->device);"),
    Mutant("a part of a list looks at all devices",
           "control", "src/control/stream.c",
           """ ||
	    walk->visited++ >= CONTROL_MAX_DEVICES) {""",
           ") {"),
    Mutant("the default module is looked for at the gateway",
           "control", "src/control/update-method.c",
           "	updater_each_module(updater, offer->device, take_default, &search);",
           "	updater_each_module(updater, DEVICE_SELF, take_default, &search);"),
    Mutant("an operator's offer is the cloud's",
           "control", "src/control/update-method.c",
           """	offer->source = OFFER_SOURCE_CONTROL;
""",
           ""),
    Mutant("a trial is kept from operators",
           "control", "src/control/views.c",
           """json_add_bool(o, "trial", status->trial));""",
           """json_add_bool(o, "trial", false));"""),
    Mutant("the gateway counts as a device without a class",
           "metrics", "src/control/metrics.c",
           """	if (strcmp(job->device, DEVICE_SELF) != 0)
		class""",
           """	if (true)
		class"""),
    Mutant("a metrics file that cannot be written is told of each minute",
           "metrics", "src/control/metrics.c",
           "	if (!ok && !metrics->failing)",
           "	if (!ok)"),
    Mutant("who is connected is held",
           "metrics", "src/control/metrics-text.c",
           "		  status->held);",
           "		  status->connected);"),
    Mutant("what has ended is a job that runs",
           "metrics", "src/control/metrics-text.c",
           """		if (job_state_is_terminal((enum job_state)state))
			continue;
""",
           ""),
    Mutant("what failed is counted as rolled back",
           "metrics", "src/control/metrics-text.c",
           "			[METRICS_ROLLED_BACK] = row->counts.rolled_back,",
           "			[METRICS_ROLLED_BACK] = row->counts.failed,"),
    Mutant("half of the metrics are all of them",
           "control-memory", "src/control/metrics-text.c",
           "	complete = !rows->out_of_memory && !ferror(out);",
           "	complete = true;"),
]
