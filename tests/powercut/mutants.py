#!/usr/bin/python3
"""Breaks otad in small ways; the explorer must notice each.

    mutants.py BUILD-FOLDER [--jobs N] [--only NAME]...
    mutants.py --check

Each mutant is one source with one place changed, as a hurried hand would: a
sync that is forgotten, two steps the wrong way round, something told before it
is recorded. It is compiled and linked with the rest of BUILD-FOLDER, and its
scenario is played and cut until somebody complains. --check only sees whether
each mutant still applies. Exit status: 0, 1 or (not possible here) 77.
"""

import pathlib
import signal
import tempfile

import disk
import explore
import gateway

import mutation
from mutation import Broken, Mutant

DEADLINE_S = 20  # some mutants wait for ever
# What a gateway of gateway.py is made of.
OTADS = ("otad", "tests/system/otad-1.0.1", "tests/system/otad-1.0.2")
OTHERS = ("tests/system/version-that-aborts",
          "tests/system/version-that-hangs",
          "tests/system/version-that-stalls")


MUTANTS = [
    Mutant("a state file is not synced", "config", "src/base/file.c",
           """an empty file. */
	if (fsync(fd) < 0)""", """an empty file. */
	if (false)"""),
    Mutant("a state file is renamed before it is written", "config",
           "src/base/file.c",
           """	filled = fill_tmp(fd, path, data, size, mode, err) &&
		 sync_tmp(fd, path, err);
""",
           """	if (renameat(place->dir_fd, tmp, place->dir_fd, place->name) < 0)
		return ota_fail_errno(err, errno, "rename %s.tmp", path);
	filled = fill_tmp(fd, path, data, size, mode, err) &&
		 sync_tmp(fd, path, err);
	close(fd);
	return filled;
"""),
    Mutant("a state file's folder is not synced", "device",
           "src/base/file.c",
           "	return !durable || place_sync(&place, path, err);",
           "	return true;"),
    Mutant("a removal is not synced", "config", "src/base/file.c",
           """may not have been synced. */
	return place_sync(&place, path, err);""",
           """may not have been synced. */
	return true;"""),
    Mutant("a rename is not synced", "binary", "src/base/file.c",
           "	return place_sync(&target, to, err) &&\n",
           "	return true || place_sync(&target, to, err) &&\n"),
    Mutant("the backup is not synced", "binary-stuck", "src/base/file.c",
           "	return place_clear(&place, tmp, err) && "
           "place_sync(&place, to, err);",
           "	return place_clear(&place, tmp, err);"),
    Mutant("the copy of a backup is not synced", "self-first",
           "src/install/target.c",
           """	if (fsync(fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", path);""", ""),
    Mutant("both names of a swap are taken for none", "config-stuck",
           "src/install/target.c",
           "	       !(target->exists && is_same_file(&staged, &target->st));",
           "	       true;"),
    Mutant("the staged file is not synced", "self", "src/install/stage.c",
           "	if (fsync(fd) < 0)\n", "	if (false)\n"),
    Mutant("the backup is on record before it is there", "binary-stuck",
           "src/install/backup.c",
           "	if (file_link(in->target.path, in->target.backup, &err))\n",
           """	in->record = (struct record){
		.form = BACKUP_FORM_LINKED,
		.old = file_mark_of(&in->target.st),
	};
	install_record_write(in, &err);
	if (file_link(in->target.path, in->target.backup, &err))
"""),
    Mutant("the swap comes before the trial marker", "self",
           "src/install/self.c",
           "	bool done = target_look(in, &err) && "
           "begin_trial(in, &err);\n\n	if (done && !target_swap(in, &err)) {",
           "	bool done = target_look(in, &err) && target_swap(in, &err);"
           "\n\n	if (done && !begin_trial(in, &err)) {"),
    Mutant("the trial marker goes before the trial is confirmed", "self",
           "src/install/self.c",
           "	in->awaits_online = true;\n",
           "	in->awaits_online = true;\n"
           "	(void)!trial_remove(in->env->state_dir, NULL);\n"),
    Mutant("the old version runs before its trial is over for good",
           "self-late", "src/install/self.c",
           """	       file_remove(marker, err);
}

static void leave""", """	       unlink(marker) == 0;
}

static void leave"""),
    Mutant("a state is told before it is recorded", "config",
           "src/update/machine.c",
           "	if (!runner_record(job, &err)) {",
           """	updater_job_changed(job);
	if (!runner_record(job, &err)) {"""),
    Mutant("a state is recorded in memory alone", "device",
           "src/update/machine.c",
           "	if (!runner_record(job, &err)) {", "	if (false) {"),
    Mutant("the way back is told before it is recorded", "binary-stuck",
           "src/update/machine.c",
           "	if (!runner_record(job, &err)) {",
           """	bool undoing = job->undoing, recorded;

	job->undoing = undoing && rule->action != start_undo;
	recorded = runner_record(job, &err);
	job->undoing = undoing;
	if (!recorded) {"""),
    Mutant("a job is forgotten before its end is told", "config",
           "src/update/runner-end.c",
           "	switch (job->ending) {",
           """	if (job->ending == JOB_ENDING_MODULE)
		(void)!forget(job, err);
	switch (job->ending) {"""),
    Mutant("the end is not remembered", "device", "src/update/runner-end.c",
           """	return module_record_save(record, &updater->store, offer->device,
				  offer->module, err);""", "	return true;"),
    Mutant("the result is not reported", "config", "src/update/reporter.c",
           """	if (!session_report(reporter->session, &report, err))
		return false;
	send_property(reporter, &report);
	return true;""", "	return true;"),
    Mutant("a report is kept lazily", "device-sick", "src/mqtt/outbox-file.c",
           "	if (durable)\n", "	if (false)\n"),
    Mutant("a report is kept in memory alone", "config", "src/mqtt/outbox.c",
           "	if (entry->message_class != OUTBOX_RESULT ||\n",
           "	if (true ||\n"),
    Mutant("the history is not synced", "config", "src/update/history.c",
           " == size && fdatasync(fd) == 0)", " == size)"),
    Mutant("the download is on record before it is synced", "binary",
           "src/fetch/save.c",
           """	return start_bytes(fetch, err);""",
           """	fetch->saving_bytes = sink_written_bytes(fetch->sink);
	return start_record(fetch, err);"""),
    Mutant("nothing of a download is on record before it stops", "binary",
           "src/fetch/download.c",
           """ < save_every(fetch) ||
	       save_begin(fetch, err);""", """ < save_every(fetch) ||
	       true;"""),
    Mutant("a complete download is not synced", "binary",
           "src/fetch/save.c",
           """	return sink_finish(fetch->sink, err) && start_bytes(fetch, err);""",
           """	return sink_finish(fetch->sink, err) &&
	       start_name(fetch, file_unlink(fetch->record_path, err), err);"""),
    Mutant("a report goes from the disk when it is sent", "device",
           "src/mqtt/outbox.c", "	entry->in_flight = true;\n",
           """	entry->in_flight = true;
	if (entry->on_disk)
		outbox_file_remove(outbox->dir, entry->number, NULL);
"""),
    Mutant("the end is remembered lazily", "config",
           "src/update/module-record.c", "store_write(path",
           "store_write_lazy(path"),
    Mutant("the first line of the history has no lasting name", "self-first",
           "src/update/history.c",
           "	if (end == 0 && !file_sync_parent(path, err))",
           "	if (false)"),
    Mutant("a new folder has no lasting name", "config", "src/base/file.c",
           """never add any. */
	return file_sync_parent(path, err);""", """never add any. */
	return true;"""),
    Mutant("a move is synced at its target alone", "self", "src/base/file.c",
           """	       (same_directory(&source, &target) ||
		place_sync(&source, from, err));""", "	       true;"),
    Mutant("the way back is not on record", "binary-stuck",
           "src/install/backup.c",
           "	return install_record_write(in, err);", "	return true;"),
    Mutant("what otad-launch writes is not synced", "self-back",
           "src/launch/main.c", "fsync(fd) == 0 && close(fd) == 0",
           "close(fd) == 0"),
    Mutant("otad-launch does not tell of a trial's end", "self-back",
           "src/launch/main.c",
           "	told = write_marker(l, \"trial-ended\", head);",
           "	told = true;"),
    Mutant("the starts of a trial are not synced", "self-back",
           "src/launch/main.c",
           """l->state_fd, name) == 0 &&
	       fsync(l->state_fd) == 0;""", "l->state_fd, name) == 0;"),
    Mutant("the old version that is back is not synced", "self-back",
           "src/launch/main.c", "fsync(bin_fd) < 0", "false"),
    Mutant("the trial marker goes before the old version is back",
           "self-back", "src/launch/main.c",
           "	if (!note || (bin_fd",
           """	unlinkat(l->state_fd, "trial", 0);
	if (!note || (bin_fd"""),
]


# ---- trying it ----

def try_out(mutant, options):
    """What was noticed of it, or None."""
    disk.hide_mounts()
    gateway.DEADLINE_S = DEADLINE_S
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder))
    build = folder / "build"
    build.mkdir()
    Broken(mutant, options.build, build).lay_out(
        (*OTADS, "otad-launch"), OTHERS)
    place = gateway.Gateway(options.powercut, build, folder)
    try:
        place.disk.tell("save", explore.EMPTY)
        known = {s.name: s for s in gateway.scenarios(build, folder)}
        options.folder = folder
        return explore.Explorer(place, known[mutant.noticed_by],
                                options).notices()
    finally:
        if place.process and place.process.poll() is None:
            place.stop(signal.SIGKILL)
        place.close()


def prepare(options, _):
    options.powercut = options.build / "tests/powercut/powercut"
    options.sample, options.seed = None, 0
    return disk.why_not(options.powercut)


if __name__ == "__main__":
    mutation.main(__doc__, MUTANTS, try_out, prepare)
