#include "artifact-private.h"

#include "otad/base/loop.h"

/* What is told to many goes on in the next turn of the loop after that. */
#define SLICE_MS 4

void artifact_init_users(struct artifact *artifact)
{
	TAILQ_INIT(&artifact->users);
	TAILQ_INIT(&artifact->due);
	TAILQ_INIT(&artifact->told);
}

static void move(struct artifact_user *user, struct artifact_users *list)
{
	if (user->artifact->next_shown == user)
		user->artifact->next_shown = TAILQ_NEXT(user, link);
	if (user->list)
		TAILQ_REMOVE(user->list, user, link);
	user->list = list;
	if (list)
		TAILQ_INSERT_TAIL(list, user, link);
}

void artifact_add_user(struct artifact *artifact, struct artifact_user *user)
{
	user->artifact = artifact;
	move(user, &artifact->users);
}

void artifact_remove_user(struct artifact_user *user)
{
	move(user, NULL);
	artifact_drop_unneeded(user->artifact);
}

bool artifact_has_users(const struct artifact *artifact)
{
	return !TAILQ_EMPTY(&artifact->users) ||
	       !TAILQ_EMPTY(&artifact->due) || !TAILQ_EMPTY(&artifact->told);
}

void artifact_stop_telling(struct artifact *artifact)
{
	artifact->telling = loop_source_free(artifact->telling);
	artifact->showing = loop_source_free(artifact->showing);
	artifact->next_shown = NULL;
}

/* ---- the outcome ---- */

/*
 * Whoever is told may let go, free others, and want the same again: that is for
 * the next telling. False: the artifact is gone.
 */
static bool tell_some(struct artifact *artifact, uint64_t until_ms)
{
	struct artifact_user *user;
	struct ota_error outcome = artifact->outcome;

	artifact->calling = true;
	while ((user = TAILQ_FIRST(&artifact->due)) &&
	       loop_now_ms(artifact->store->loop) < until_ms) {
		move(user, &artifact->told);
		user->observer.fetched(user->user_data,
				       outcome.kind == OTA_ERROR_NONE ?
					       NULL :
					       &outcome);
	}
	artifact->calling = false;
	if (artifact_has_users(artifact))
		return true;
	artifact_drop_unneeded(artifact);
	return false;
}

static void on_telling(struct loop_source *source, void *user_data)
{
	struct artifact *artifact = user_data;
	uint64_t now_ms = loop_now_ms(artifact->store->loop);

	if (!tell_some(artifact, now_ms + SLICE_MS))
		return;
	if (TAILQ_EMPTY(&artifact->due))
		artifact->telling = loop_source_free(artifact->telling);
	else
		loop_defer_again(artifact->telling);
}

void artifact_tell_all(struct artifact *artifact, const struct ota_error *err)
{
	uint64_t now_ms = loop_now_ms(artifact->store->loop);
	struct artifact_user *user;
	struct ota_error ignored;

	/* Those of an earlier outcome that was another: theirs goes first. */
	if (!TAILQ_EMPTY(&artifact->due) &&
	    (err || artifact->outcome.kind != OTA_ERROR_NONE) &&
	    !tell_some(artifact, UINT64_MAX))
		return;
	ota_error_clear(&artifact->outcome);
	if (err)
		artifact->outcome = *err;
	while ((user = TAILQ_FIRST(&artifact->users)))
		move(user, &artifact->due);
	if (!tell_some(artifact, now_ms + SLICE_MS) ||
	    TAILQ_EMPTY(&artifact->due))
		return;
	if (!artifact->telling)
		artifact->telling = loop_add_defer(artifact->store->loop,
						   on_telling, artifact,
						   &ignored);
	if (artifact->telling)
		loop_defer_again(artifact->telling);
	else
		(void)tell_some(artifact, UINT64_MAX);
}

/* ---- progress ---- */

static void show_some(struct artifact *artifact)
{
	uint64_t until_ms = loop_now_ms(artifact->store->loop) + SLICE_MS;
	struct artifact_user *user;

	artifact->calling = true;
	while ((user = artifact->next_shown) &&
	       loop_now_ms(artifact->store->loop) < until_ms) {
		artifact->next_shown = TAILQ_NEXT(user, link);
		user->observer.progress(user->user_data, &artifact->progress);
	}
	artifact->calling = false;
	if (artifact->next_shown && artifact->showing)
		loop_defer_again(artifact->showing);
	artifact_drop_unneeded(artifact);
}

static void on_showing(struct loop_source *source, void *user_data)
{
	show_some(user_data);
}

/* The newest to everybody; to many, less often than it comes. */
void artifact_show_all(struct artifact *artifact,
		       const struct artifact_progress *progress)
{
	struct ota_error err;

	artifact->progress = *progress;
	if (artifact->next_shown)
		return;
	if (!artifact->showing)
		artifact->showing = loop_add_defer(
			artifact->store->loop, on_showing, artifact, &err);
	artifact->next_shown = TAILQ_FIRST(&artifact->users);
	show_some(artifact);
}
