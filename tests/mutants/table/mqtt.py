"""What is broken of src/mqtt."""

from mutation import Mutant

MUTANTS = [
    Mutant("a report makes room for another",
           "outbox", "src/mqtt/outbox.c",
           """	return entry->message_class == OUTBOX_FLEETING ||
	       entry->message_class == OUTBOX_PROGRESS;""",
           "	return true;"),
    Mutant("any acknowledgement is for the first report",
           "outbox", "src/mqtt/outbox.c",
           """		if (entry->id == id)
			return entry;""",
           "		return entry;"),
    Mutant("a loss leaves a place of the next connection taken",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_FOREACH(entry, &outbox->sent, link)
		entry->in_flight = false;
""",
           ""),
    Mutant("what was on its way at a loss is not sent again",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for""",
           "	for"),
    Mutant("what was on its way at a loss goes behind the rest",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for""",
           """	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for"""),
    Mutant("an acknowledged report stays on the disk",
           "outbox", "src/mqtt/outbox.c",
           """	if (entry->on_disk)
		outbox_file_remove(outbox->dir, entry->number, NULL);
""",
           ""),
    Mutant("reports in flight have no ceiling",
           "outbox", "src/mqtt/outbox.c",
           "	       outbox->in_flight < OUTBOX_MAX_IN_FLIGHT) {",
           "	       true) {"),
    Mutant("a report that cannot be kept is taken",
           "outbox", "src/mqtt/outbox.c",
           """	return ota_wrap(err, "keep a report for %s", entry->topic);""",
           "	return true;"),
    Mutant("a report that was not taken stays on the disk",
           "outbox", "src/mqtt/outbox.c",
           """	outbox_file_remove(outbox->dir, entry->number, NULL);
	return ota_wrap""",
           "	return ota_wrap"),
    Mutant("a report that the broker refuses for now is lost",
           "outbox", "src/mqtt/outbox.c",
           """	if (sent != OUTBOX_SENT)
		return sent;""",
           """	if (sent != OUTBOX_SENT) {
		discard(outbox, entry);
		return OUTBOX_SENT;
	}"""),
    Mutant("the tenth report goes before the second after a restart",
           "outbox", "src/mqtt/outbox-file.c",
           "	return (*one)->number < (*other)->number ? -1 : 1;",
           """	char a_text[24], b_text[24];

	snprintf(a_text, sizeof(a_text), "%d", (int)(*one)->number);
	snprintf(b_text, sizeof(b_text), "%d", (int)(*other)->number);
	return strcmp(a_text, b_text);"""),
    Mutant("a new report takes the name of a damaged one",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (number >= *next)
		*next = number + 1;
""",
           """	if (number >= *next && strcmp(suffix, ".bad") != 0)
		*next = number + 1;
"""),
    Mutant("a report waits for no acknowledgement",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (entry->message_class == OUTBOX_RESULT && entry->qos < 1)
		entry->qos = 1;
""",
           ""),
    Mutant("a damaged report is removed",
           "outbox", "src/mqtt/outbox-file.c",
           "	(void)rename(path, aside);",
           "	(void)unlink(path);"),
    Mutant("a damaged report stops the start",
           "outbox", "src/mqtt/outbox-file.c",
           """	(void)rename(path, aside);
	(*bad)++;
	return true;""",
           """	(void)rename(path, aside);
	(*bad)++;
	return false;"""),
    Mutant("an outbox that cannot be read is empty",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (done && errno != 0)
		done = ota_fail_errno""",
           """	if (false)
		done = ota_fail_errno"""),
    Mutant("a broker that never answers is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	if (begun)
		loop_timer_set(mqtt->timer, mqtt->timing.deadline_ms);
	else
""",
           """	if (!begun)
"""),
    Mutant("a broker that falls silent is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		link_tick(mqtt->link);
""",
           ""),
    Mutant("a broker that drops each connection is asked at once",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	bool settled = was_connected &&
		       loop_now_ms(mqtt->loop) - mqtt->connected_ms >=
			       mqtt->timing.settled_ms;""",
           "	bool settled = was_connected;"),
    Mutant("a wrong password is tried again at once",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	if (barred)
		backoff_exhaust(&mqtt->backoff);
""",
           ""),
    Mutant("the wait for the broker has no ceiling",
           "mqtt-backoff", "src/mqtt/backoff.c",
           """		if (doubled_ms < base_ms)
			base_ms = doubled_ms;""",
           "		base_ms = doubled_ms;"),
    Mutant("want of memory is damage to a report",
           "state-memory", "src/mqtt/outbox-file.c",
           """	if (!is_damaged(err))
		return false;
""",
           ""),
    Mutant("a broker that acknowledges nothing is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		return ota_wrap(err, "subscribe to %s", topic);
	if (!waits)
		note_answer(mqtt);""",
           """		return ota_wrap(err, "subscribe to %s", topic);"""),
    Mutant("who has nothing to say is given up",
           "mqtt-hostile", "src/mqtt/link.c",
           "	return link->pending > 0 || link->subscribing.count > 0;",
           "	return true;"),
    Mutant("an answer to nothing ends the wait for a subscription",
           "mqtt-hostile", "src/mqtt/link-client.c",
           """	if (!id_list_take(&link->subscribing, id))
		return;""",
           """	if (!id_list_take(&link->subscribing, id) && link->subscribing.count)
		link->subscribing.count--;"""),
    Mutant("a report that cannot be read now is damaged",
           "outbox", "src/mqtt/outbox-file.c",
           "	if (!is_damaged(err))",
           "	if (err->sys_errno == ENOMEM)"),
    Mutant("versions of a lost connection are sent again",
           "outbox", "src/mqtt/outbox.c",
           """		if (entry->message_class == OUTBOX_FLEETING ||
		    entry->message_class == OUTBOX_VERSION)""",
           "		if (entry->message_class == OUTBOX_FLEETING)"),
    Mutant("what is in flight makes room",
           "outbox", "src/mqtt/outbox.c",
           """		if (!entry->in_flight) {
			discard""",
           """		if (true) {
			discard"""),
    Mutant("all that waits is looked at for each report",
           "outbox", "src/mqtt/outbox.c",
           "passed < OUTBOX_MAX_PASSED &&",
           "true &&"),
    Mutant("an answer while it is sent sends a report twice",
           "outbox", "src/mqtt/outbox.c",
           """	if (outbox->pumping)
		return;
""",
           ""),
    Mutant("anybody may read the reports",
           "outbox", "src/mqtt/outbox-file.c",
           "#define FILE_MODE 0600",
           "#define FILE_MODE 0644"),
    Mutant("a report kept over a restart has no QoS",
           "outbox", "src/mqtt/outbox-file.c",
           "	message.qos = (int)qos;",
           "	message.qos = 0;"),
    Mutant("a report of QoS 2 is taken from the disk",
           "outbox", "src/mqtt/outbox-file.c",
           "qos < 0 || qos > 1 ||",
           "qos < 0 || qos > 2 ||"),
    Mutant("a keep-alive that the library does not take is tried for ever",
           "mqtt", "src/mqtt/mqtt.c",
           """	if (seconds < KEEP_ALIVE_MIN_S)
		return KEEP_ALIVE_MIN_S;
""",
           ""),
    Mutant("a stop waits for the broker for ever",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           "		loop_timer_set(mqtt->stop_timer, timeout_ms);",
           "		;"),
    Mutant("what a lost connection owed is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	loop_timer_set(mqtt->answer_timer, LOOP_NEVER);
	mqtt->state""",
           "	mqtt->state"),
    Mutant("a message that nobody acknowledges is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		return ota_wrap(err, "publish to %s", topic);
	if (!waits)
		note_answer(mqtt);""",
           """		return ota_wrap(err, "publish to %s", topic);"""),
    Mutant("many large messages are one huge",
           "mqtt-hostile", "src/mqtt/link.c",
           """	if (link->packet_ended)
		link->partial_begun = false;
""",
           ""),
    Mutant("an address with its interface is a name",
           "mqtt-hostile", "src/mqtt/link.c",
           "	return inet_pton(AF_INET6, bare, &address) == 1;",
           "	return inet_pton(AF_INET6, text, &address) == 1;"),
    Mutant("a part of a name is a wildcard",
           "mqtt-tls", "src/mqtt/tls.c",
           """	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
""",
           ""),
    Mutant("a broker may speak the TLS of old",
           "mqtt-tls", "src/mqtt/tls.c",
           """	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
""",
           ""),
    Mutant("the system's authorities count beside CaFile=",
           "mqtt-tls", "src/mqtt/tls.c",
           "	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)",
           """	SSL_CTX_set_default_verify_paths(ctx);
	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)"""),
    Mutant("a terminal is asked for a pass phrase",
           "mqtt-tls", "src/mqtt/tls.c",
           """	SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
""",
           ""),
    Mutant("a message comes behind the end",
           "mqtt-tls", "src/mqtt/link-client.c",
           """	link->packet_ended = true;
	if (link->orphaned || link->failed)
		return;
	link->handler.message""",
           """	link->packet_ended = true;
	link->handler.message"""),
]
