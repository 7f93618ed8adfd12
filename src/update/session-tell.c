#include "session-private.h"

#include <sys/random.h>

#include "otad/base/log.h"

#define CHECK_ANSWER_MS 30000 /* protocols.md, section 2.3.2 */

/* ---- versions ---- */

bool session_tell_version(struct session *session, struct device *device,
			 const struct module *module, bool count,
			 struct ota_error *err)
{
	struct report report = {
		.event = REPORT_VERSION,
		.device = device->name,
		.module = module->settings->name,
		.version = module_version(module),
	};

	if (!session_encode(session, &report, count ? device : NULL, err))
		return false;
	session_link(device)->last_sent_ms = loop_now_ms(session->loop);
	return true;
}

static void tell_versions(struct session *session, struct device *device)
{
	struct link *link = session_link(device);
	struct ota_error err;

	while (link->untold > 0 && session_may_send(session, link)) {
		const struct module *module =
			&device->modules[device->n_modules - link->untold--];

		session->untold--;
		if (module->version_asked)
			continue;
		if (!session_tell_version(session, device, module, true, &err))
			log_warning(NULL, "Version of %s not told: %s",
				    device->name, err.text);
	}
}

void session_tell_versions(struct session *session, struct device *device)
{
	struct link *link = session_link(device);

	link->stage = STAGE_TELLING;
	session->untold += device->n_modules - link->untold;
	link->untold = device->n_modules;
	tell_versions(session, device);
}

void session_tell_more(struct session *session)
{
	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct device *device = inventory_at(session->inventory, i);

		if (session_link(device)->untold == 0)
			continue;
		tell_versions(session, device);
		session_advance(session, device);
	}
	session_pump(session);
}

/* What comes in after a connect brings its versions along. */
static bool is_to_be_told(const struct device *device,
			  const struct module *module)
{
	const struct link *link = device->owner_data;
	size_t index = (size_t)(module - device->modules);

	switch (link->stage) {
	case STAGE_TELLING:
		return index >= device->n_modules - link->untold;
	case STAGE_READY:
		return false;
	case STAGE_NEW:
	case STAGE_WAITING_ONLINE:
	case STAGE_SUBSCRIBING:
	case STAGE_REFUSED:
		break;
	}
	return true;
}

void session_report_version(struct session *session, const char *device_name,
			    const char *module_name)
{
	struct device *device = inventory_find(session->inventory, device_name);
	struct module *module =
		device ? device_find_module(device, module_name) : NULL;
	struct report report = {
		.event = REPORT_VERSION,
		.device = device_name,
		.module = module_name,
		.version = module ? module_version(module) : NULL,
	};
	struct ota_error err;

	/* Offline, the next connect tells it. */
	if (!module || !session->connected || is_to_be_told(device, module))
		return;
	if (!session_report(session, &report, &err))
		log_warning(NULL, "Version of %s not told: %s", device_name,
			    err.text);
}

static void repeat_versions(struct session *session, struct device *device)
{
	struct ota_error err;

	session_link(device)->refused = false;
	for (size_t i = 0; i < device->n_modules; i++)
		if (!session_tell_version(session, device, &device->modules[i],
					  false, &err))
			log_debug(NULL, "%s", err.text);
}

/* The gateway's own, where they are a sign of life, and refused ones. */
void session_on_version_time(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;
	uint64_t repeat_ms = cloud_traits(session->cloud)->version_repeat_ms;

	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct device *device = inventory_at(session->inventory, i);
		bool alive = i == 0 && repeat_ms;

		if (session->online && (alive || session_link(device)->refused))
			repeat_versions(session, device);
	}
	if (repeat_ms)
		session_set_timer(session, SESSION_TIMER_VERSION, repeat_ms,
				  session_on_version_time);
}

/* ---- checks ---- */

static uint64_t jitter(uint64_t delay_ms)
{
	uint64_t random;

	/* A tenth to either side keeps a fleet from asking in step. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return delay_ms;
	return delay_ms - delay_ms / 10 + random % (delay_ms / 5 + 1);
}

static void on_no_answer(struct loop_source *source, void *user_data)
{
	log_notice(NULL, "The cloud has not answered a check for %d s",
		   CHECK_ANSWER_MS / 1000);
}

static bool check_module(struct session *session, struct device *device,
			 const struct module *module, struct ota_error *err)
{
	struct report report = {
		.event = REPORT_CHECK,
		.device = device->name,
		.module = module->settings->name,
		.version = module_version(module),
	};

	if (!session_encode(session, &report, NULL, err))
		return false;
	session_set_timer(session, SESSION_TIMER_ANSWER, CHECK_ANSWER_MS,
			  on_no_answer);
	return true;
}

static bool is_to_be_asked_for(const struct session *session,
			       const struct device *device,
			       const struct module *module)
{
	const struct session_handler *handler = &session->handler;
	const char *name = module->settings->name;

	/* A platform that does not know what runs would offer anything. */
	if (module->version_asked)
		return false;
	return handler->wants_check(device->name, name, session->user_data) ||
	       (handler->was_interrupted &&
		handler->was_interrupted(device->name, name,
					 session->user_data));
}

void session_check_device(struct session *session, struct device *device)
{
	struct ota_error err;

	if (session_link(device)->stage != STAGE_READY)
		return;
	for (size_t i = 0; i < device->n_modules; i++) {
		const struct module *module = &device->modules[i];

		if (is_to_be_asked_for(session, device, module) &&
		    !check_module(session, device, module, &err))
			log_debug(NULL, "%s", err.text);
	}
}

void session_version_known(struct session *session, const char *device_name,
			   const char *module_name)
{
	struct device *device = inventory_find(session->inventory, device_name);
	struct module *module =
		device ? device_find_module(device, module_name) : NULL;
	struct ota_error err;

	session_report_version(session, device_name, module_name);
	if (!module || !session->open ||
	    session_link(device)->stage != STAGE_READY)
		return;
	session_tell_idle(session, device);
	if (session->asked && is_to_be_asked_for(session, device, module) &&
	    !check_module(session, device, module, &err))
		log_debug(NULL, "%s", err.text);
}

/* True: there are more. */
static bool check_some(struct session *session)
{
	size_t count = inventory_count(session->inventory);

	for (unsigned i = 0; i < SESSION_BATCH && session->check_next < count;
	     i++)
		session_check_device(session,
				     inventory_at(session->inventory,
						  session->check_next++));
	return session->check_next < count;
}

static void check_again_later(struct session *session)
{
	uint64_t interval_ms = session->config->update.check_interval_ms;
	uint64_t took_ms =
		loop_now_ms(session->loop) - session->check_began_ms;

	if (!interval_ms)
		return;
	interval_ms = jitter(interval_ms);
	session_set_timer(session, SESSION_TIMER_CHECK,
			  took_ms < interval_ms ? interval_ms - took_ms : 0,
			  session_on_check_time);
}

void session_on_check_time(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	if (session->check_next == 0)
		session->check_began_ms = loop_now_ms(session->loop);
	session->asked = session->open;
	if (session->open && check_some(session)) {
		session_set_timer(session, SESSION_TIMER_CHECK,
				  SESSION_BATCH_GAP_MS, session_on_check_time);
		return;
	}
	session->check_next = 0;
	check_again_later(session);
}

bool session_check(struct session *session, const char *device_name,
		   const char *module_name, struct ota_error *err)
{
	struct device *device = inventory_find(session->inventory, device_name);
	struct module *module =
		device ? device_find_module(device, module_name) : NULL;

	if (!module)
		return ota_fail(err, OTA_ERROR_NOT_FOUND, "no module %s of %s",
				module_name, device_name);
	if (!session->online)
		return ota_fail(err, OTA_ERROR_NETWORK,
				"not connected to the cloud; see otactl status");
	if (cloud_traits(session->cloud)->checks)
		return check_module(session, device, module, err);
	return session_tell_version(session, device, module, false, err);
}
